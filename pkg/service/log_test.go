package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// TestNoSecretIsLogged gives every secret setting a value with everything that
// is written differently somewhere, and logs it in many ways.
func TestNoSecretIsLogged(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		s := Defaults()
		s.LogFormat, s.LogLevel = format, "debug"
		value := reflect.ValueOf(&s).Elem()
		secrets := []string{"hunter2pass", "elast%21c", "r0b0tk3y", "model-key-1"}
		s.NatsURL = "nats://admin:hunter2pass@broker:4222"
		s.ESNodes = "http://a:9200,https://elastic:elast%21c@b:9200"
		for i, row := range table() {
			if row.secret && row.name != "AI_WECHAT_WEBHOOK" {
				secret := fmt.Sprintf("s3cret%d \"q\" \\ <&> \t密钥/+=", i)
				value.Field(row.index).SetString(secret)
				secrets = append(secrets, secret)
			}
		}
		s.AIWechatWebhook = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=r0b0tk3y"
		s.AIAPIURL = "http://h/v1?api_key=model-key-1"

		var out bytes.Buffer
		log, _ := NewLogger(&out, s)
		for _, secret := range secrets {
			log.Info("message "+secret, "value", secret, "error", errors.New("cannot post to "+secret))
			log.Debug("in an address", "url", "https://h/?key="+url.QueryEscape(secret), "path", url.PathEscape(secret))
			log.With("attr", secret).WithGroup("g").Error("grouped", "list", []string{secret}, "map", map[string]string{"k": secret})
			log.Warn("settings", "all", fmt.Sprintf("%+v", s))
		}
		text := out.String()
		if !strings.Contains(text, redacted) || strings.Count(text, "\n") != 4*len(secrets) {
			t.Errorf("%s: not every line was logged:\n%s", format, text)
		}
		for _, secret := range secrets {
			for _, spelling := range spellings(secret) {
				if strings.Contains(text, spelling) {
					t.Errorf("%s: %q is in the log", format, spelling)
				}
			}
		}
		if strings.Contains(text, "s3cret") {
			t.Errorf("%s: a part of a secret is in the log:\n%s", format, text)
		}
	}
}

func TestLoggerLevelsAndFormats(t *testing.T) {
	f := func(level, format string, want int) {
		t.Helper()
		s := Defaults()
		s.LogLevel, s.LogFormat = level, format
		var out bytes.Buffer
		log, _ := NewLogger(&out, s)
		log.Debug("d")
		log.Info("i")
		log.Warn("w")
		log.Error("e")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != want || json.Valid([]byte(lines[0])) != (format == "json") {
			t.Errorf("%s, %s: got %q", level, format, lines)
		}
	}
	f("debug", "text", 4)
	f("info", "text", 3)
	f("warn", "json", 2)
	f("error", "json", 1)
	f("", "text", 3)
}

func TestRedactor(t *testing.T) {
	s := Defaults()
	s.NatsToken = "abc"
	s.MaskKey = "long-secret"
	r := NewRedactor(s)
	f := func(text, want string) {
		t.Helper()
		if got := r.String(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("abc is too short to be a secret", "abc is too short to be a secret")
	f("key long-secret.", "key ‹redacted›.")
	f("made-later", "made-later")
	r.Add("made-later", "long-secret-and-longer", "")
	f("made-later", "‹redacted›")
	f("long-secret-and-longer, long-secret", "‹redacted›, ‹redacted›")
}

func TestRedactorWhileOthersWrite(t *testing.T) {
	r := NewRedactor(Defaults())
	r.Add("secret-0")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { r.Add(fmt.Sprintf("secret-%d", i)) })
		wg.Go(func() {
			if got := r.String("secret-0"); got != redacted {
				t.Errorf("got %q", got)
			}
		})
	}
	wg.Wait()
	if got := r.String("secret-3"); got != redacted {
		t.Errorf("got %q", got)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRedactingWriterPassesErrorsOn(t *testing.T) {
	if _, err := NewRedactor(Defaults()).Writer(failingWriter{}).Write([]byte("x")); err == nil {
		t.Error("the error is lost")
	}
}

func TestURLSecrets(t *testing.T) {
	f := func(address string, want ...string) {
		t.Helper()
		got := urlSecrets(address)
		for _, w := range want {
			found := false
			for _, g := range got {
				found = found || g == w
			}
			if !found {
				t.Errorf("%s: %q is missing in %q", address, w, got)
			}
		}
		if len(want) == 0 && len(got) != 0 {
			t.Errorf("%s: got %q", address, got)
		}
	}
	f("http://localhost:9200")
	f("https://h/v1?model=gpt")
	f("https://elastic@h:9200")
	f("/var/log/a@b.log")
	f("nats://token@h:4222", "token")
	f("nats://u:p%40ss@h:4222,nats://u2:pass2@h2", "p%40ss", "p@ss", "pass2")
	f("nats://u:one@h,tls://two@h2", "one", "two")
	f("https://h/send?debug=1&key=a%2Fb#x", "a%2Fb", "a/b")
	f("https://h/send?access_token=t0ken", "t0ken")
	f("http://a:9200,https://u:pa,ss@h", "pa,ss")
	f("htp:/broken//u:pw@h", "pw")
}
