package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestSchemaOfUnknownVersion(t *testing.T) {
	if _, err := Schema(SchemaVersion); err != nil {
		t.Errorf("the version in use has no schema: %v", err)
	}
	for _, version := range []int{SchemaVersion + 1, 0, -1} {
		if _, err := Schema(version); err == nil {
			t.Errorf("version %d has a schema", version)
		}
	}
}

// TestSchemaIsTheStruct compares names, types and required fields of schema and
// struct both ways, all the way down.
func TestSchemaIsTheStruct(t *testing.T) {
	var root schemaNode
	unmarshal(t, schemaBytes(t), &root)
	c := comparison{t: t, defs: root.Defs, used: map[string]bool{"hash": true}}
	c.compare("event", &root, reflect.TypeFor[Event](), false)
	for name := range root.Defs {
		if !c.used[name] {
			t.Errorf("$defs/%s is used nowhere", name)
		}
	}
}

// schemaNode is the part of JSON Schema that the event's schema uses.
type schemaNode struct {
	Ref        string                 `json:"$ref"`
	Defs       map[string]*schemaNode `json:"$defs"`
	Type       any                    `json:"type"`
	Format     string                 `json:"format"`
	Enum       []string               `json:"enum"`
	Required   []string               `json:"required"`
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Additional *schemaNode            `json:"additionalProperties"`
}

type comparison struct {
	t    *testing.T
	defs map[string]*schemaNode
	used map[string]bool
}

func (c *comparison) compare(path string, node *schemaNode, typ reflect.Type, viaRef bool) {
	if node == nil {
		c.t.Errorf("%s is missing in the schema", path)
		return
	}
	if name, found := strings.CutPrefix(node.Ref, "#/$defs/"); found && !viaRef {
		c.used[name] = true
		c.compare(path, c.defs[name], typ, true)
		return
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if want := jsonType(typ); !reflect.DeepEqual(node.Type, want) {
		c.t.Errorf("%s is %v in the schema, %v in the struct", path, node.Type, want)
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		if node.Format != "date-time" {
			c.t.Errorf("%s has format %q in the schema", path, node.Format)
		}
	case typ == reflect.TypeFor[Kind]():
		if want := []string{string(KindLog), string(KindStack), string(KindKernel)}; !slices.Equal(node.Enum, want) {
			c.t.Errorf("%s may be %v in the schema, %v in Go", path, node.Enum, want)
		}
	case typ.Kind() == reflect.Slice:
		c.compare(path+"[]", node.Items, typ.Elem(), false)
	case typ.Kind() == reflect.Map:
		c.compare(path+"{}", node.Additional, typ.Elem(), false)
	case typ.Kind() == reflect.Struct:
		c.compareFields(path, node, typ)
	}
}

func (c *comparison) compareFields(path string, node *schemaNode, typ reflect.Type) {
	inStruct := map[string]bool{}
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			c.t.Errorf("%s.%s has no name in JSON", path, typ.Field(i).Name)
		}
		inStruct[name] = true
		c.compare(path+"."+name, node.Properties[name], typ.Field(i).Type, false)
		if required := options == ""; required != slices.Contains(node.Required, name) {
			c.t.Errorf("%s.%s: always written is %v, required by the schema is %v", path, name, required, !required)
		}
	}
	for name := range node.Properties {
		if !inStruct[name] {
			c.t.Errorf("%s.%s is missing in the struct", path, name)
		}
	}
	for _, name := range node.Required {
		if !inStruct[name] {
			c.t.Errorf("%s requires %q, which it does not have", path, name)
		}
	}
}

func jsonType(typ reflect.Type) any {
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return "string"
	case typ == reflect.TypeFor[NullString]():
		return []any{"string", "null"}
	}
	switch typ.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	default:
		return "object"
	}
}

// TestSchemaRefuses shows that the schema forbids something.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	const id = `"id":"0123456789abcdef0123456789abcdef",`
	f := func(document string, valid bool) {
		t.Helper()
		if err := validate(t, schema, []byte(document)); (err == nil) != valid {
			t.Errorf("%s: valid should be %v: %v", document, valid, err)
		}
	}
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":3,"message":"","revision":0}`, true)
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":3,"message":"","revision":0,"later":1}`, true)
	f(`{"id":"x","offset":0,"length":1,"kind":"log","severity":3,"message":"","revision":0}`, false)
	f(`{`+id+`"offset":-1,"length":1,"kind":"log","severity":3,"message":"","revision":0}`, false)
	f(`{`+id+`"offset":0,"length":1,"kind":"other","severity":3,"message":"","revision":0}`, false)
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":10.1,"message":"","revision":0}`, false)
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":3,"message":"","revision":0,"time":"today"}`, false)
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":3,"message":"","revision":0,"frames":[{"function":"f"}]}`, false)
	f(`{`+id+`"offset":0,"length":1,"kind":"log","severity":3,"message":""}`, false)
	f(`[]`, false)
}

func schemaBytes(t *testing.T) []byte {
	t.Helper()
	data, err := Schema(SchemaVersion)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaBytes(t)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("urn:tocsin:event:1", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("urn:tocsin:event:1")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, document []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func unmarshal(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
