package mask

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tocsin/pkg/events"
)

// notFromLogs are the fields of an event that hold no log text: hashes, times
// and what the masker itself writes.
var notFromLogs = map[string]bool{
	"ID": true, "Generation": true, "Kind": true, "Fingerprint": true, "Group": true, "Masked": true, "Time": true, "ObservedAt": true,
}

// plant writes a secret into every string below v.
func plant(v reflect.Value, secret string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x " + secret)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), secret)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		plant(v.Index(0), secret)
		plant(v.Index(1), secret)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		plant(key, secret)
		plant(value, secret)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if !notFromLogs[v.Type().Field(i).Name] {
				plant(v.Field(i), secret)
			}
		}
	}
}

// Every text of an event is masked, also one of a field that is yet to be made.
func TestEventMasksEveryString(t *testing.T) {
	m := newMasker(t, ModeToken)
	var e events.Event
	plant(reflect.ValueOf(&e).Elem(), awsKey)
	if err := m.Event(&e); err != nil {
		t.Fatal(err)
	}
	e.ID = "id"
	data, err := events.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), awsKey) {
		t.Errorf("a secret is left in %s", data)
	}
	if e.Masked[kindKey] != strings.Count(string(data), "‹key:") {
		t.Errorf("%d counted, %d in %s", e.Masked[kindKey], strings.Count(string(data), "‹key:"), data)
	}
}

func TestEventFields(t *testing.T) {
	m := newMasker(t, ModeRedact)
	e := events.Event{ID: "1", Fields: map[string]string{
		"db_password": "yes", "userToken": "1", "Authorization": "Basic x", "cookie": "a=b",
		"user": "bob", "token_count": "12", "path": "/x?token=abcdef123456", "secret": "",
		"password": "‹password›",
	}}
	if err := m.Event(&e); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"db_password": "‹password›", "userToken": "‹token›", "Authorization": "‹auth›", "cookie": "‹cookie›",
		"user": "bob", "token_count": "12", "path": "/x?token=‹token›", "secret": "",
		"password": "‹password›",
	}
	if !reflect.DeepEqual(e.Fields, want) {
		t.Errorf("fields %v, want %v", e.Fields, want)
	}
	if e.Masked[kindPassword] != 1 || e.Masked[kindToken] != 2 {
		t.Errorf("counted %v", e.Masked)
	}
}

// A private key between the lines before an event has one line each.
func TestEventContextLines(t *testing.T) {
	m := newMasker(t, ModeRedact)
	e := events.Event{ID: "1", Before: append([]string{"start"}, strings.Split(pemBlock, "\n")...)}
	if err := m.Event(&e); err != nil {
		t.Fatal(err)
	}
	if want := []string{"start", "‹private_key›"}; !reflect.DeepEqual(e.Before, want) {
		t.Errorf("before %q, want %q", e.Before, want)
	}
}

func TestEventStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := events.Event{ID: "1", Message: "password=hunter2"}
	err := newMasker(t, ModeToken).EventContext(ctx, &e)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(e.Message, "hunter2") {
		t.Errorf("message %q", e.Message)
	}
}

func TestEventWithoutSecrets(t *testing.T) {
	e := events.Event{ID: "1", Message: "disk full"}
	if err := newMasker(t, ModeToken).Event(&e); err != nil || e.Masked != nil || e.Message != "disk full" {
		t.Errorf("%+v, %v", e, err)
	}
}
