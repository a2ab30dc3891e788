package service

import (
	"reflect"
	"slices"
	"strings"
)

// setting is one row of the table that Settings is.
type setting struct {
	name, field string
	index       int
	kind        reflect.Type
	byDefault   string // what is read when nothing is set
	shown       string // the default as a reader is told it
	doc, zh     string
	group       string
	by          []string
	original    bool
	secret      bool
	emptyIsOff  bool
	example     string // the value in .env.example
	commented   bool   // whether its line there is commented out
}

// table gives all settings in the order of the struct.
func table() []setting {
	t := reflect.TypeFor[Settings]()
	var rows []setting
	for i := range t.NumField() {
		f := t.Field(i)
		name, ok := f.Tag.Lookup("env")
		if !ok {
			continue
		}
		row := setting{
			name: name, field: f.Name, index: i, kind: f.Type,
			byDefault:  f.Tag.Get("envDefault"),
			shown:      f.Tag.Get("shown"),
			doc:        f.Tag.Get("doc"),
			zh:         f.Tag.Get("zh"),
			group:      f.Tag.Get("group"),
			by:         strings.Split(f.Tag.Get("by"), ","),
			original:   f.Tag.Get("original") == "true",
			secret:     f.Tag.Get("secret") == "true",
			emptyIsOff: f.Tag.Get("empty") == "off",
		}
		row.example, row.commented = row.byDefault, true
		if value, ok := f.Tag.Lookup("commented"); ok {
			row.example = value
		}
		if value, ok := f.Tag.Lookup("example"); ok {
			row.example, row.commented = value, false
		}
		if row.shown == "" {
			row.shown = row.byDefault
		}
		rows = append(rows, row)
	}
	return rows
}

// readBy tells whether a service, or "up", reads the setting.
func (r setting) readBy(service string) bool {
	return service == "up" || slices.Contains(r.by, "all") || slices.Contains(r.by, service)
}

// secrets gives the values that must be shown nowhere: those of the secret
// settings, and passwords and keys inside addresses.
func (s Settings) secrets() []string {
	var all []string
	value := reflect.ValueOf(s)
	for _, row := range table() {
		if row.kind.Kind() != reflect.String {
			continue
		}
		text := value.Field(row.index).String()
		if row.secret {
			all = append(all, text)
		}
		all = append(all, urlSecrets(text)...)
	}
	return all
}
