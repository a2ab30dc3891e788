package service

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseDotenvValues(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		found, broken := parseDotenv([]byte(line))
		if len(broken) != 0 || len(found) != 1 || found[0].name != "K" || found[0].value != want {
			t.Errorf("%q: got %+v and %+v, want value %q", line, found, broken, want)
		}
	}
	f("K=5m", "5m")
	f("K=5m // comment", "5m")
	f("K=5m # comment", "5m")
	f("K=5m\t//comment", "5m")
	f("K=5m　// 注释", "5m") // an ideographic blank
	f("K=5m // 告警 // twice # and more", "5m")
	f("K=5m // \xb8\xe6\xbe\xaf in GBK", "5m")
	f("K=5m//no blank", "5m//no blank")
	f("K=a#b", "a#b")
	f("K=two words # comment", "two words")
	f("K=https://host/path#frag", "https://host/path#frag")
	f("K=https://host/path#frag // comment", "https://host/path#frag")
	f("K=http://a:9200,http://b:9200 // nodes", "http://a:9200,http://b:9200")
	f(`K="5m" // comment`, "5m")
	f(`K="5m"// comment`, "5m")
	f(`K='5m' # comment`, "5m")
	f(`K="a // b # c" // comment`, "a // b # c")
	f(`K='a // b # c'`, "a // b # c")
	f(`K="say \"hi\" \\ C:\new"`, `say "hi" \ C:\new`)
	f(`K='C:\new\'`, `C:\new\`)
	f(`K='a"b'`, `a"b`)
	f(`K=it's fine`, `it's fine`)
	f(`K=pa$$word${X}`, `pa$$word${X}`)
	f("K=", "")
	f("K= // comment", "")
	f("K=// comment", "")
	f("K=# comment", "")
	f("K=//", "")
	f("K=#abc", "#abc")
	f("K=//host/share", "//host/share")
	f(`K=""`, "")
	f(`K="" // nothing`, "")
	f("  K = v  ", "v")
	f("export K=v", "v")
	f("export\tK=v", "v")
	f("K=v\r", "v")
	f("K=\"v\"\r\n", "v")
	f("\ufeffK=v", "v")
	f("# comment\n\n// another\nK=v\n", "v")
	f("K=a=b=c", "a=b=c")
	f("K=日志", "日志")
}

func TestParseDotenvTakesTheLaterLine(t *testing.T) {
	s, err := Load(nil, writeEnv(t, "AI_MODEL_NAME=one\nAI_MODEL_NAME=two\n"))
	if err != nil || s.AIModelName != "two" {
		t.Errorf("got %q, %v", s.AIModelName, err)
	}
}

func TestParseDotenvBrokenLines(t *testing.T) {
	f := func(line, name, want string) {
		t.Helper()
		found, broken := parseDotenv([]byte("A=1\n" + line + "\nB=2\n"))
		if len(broken) != 1 || broken[0].line != 2 || broken[0].name != name || !strings.Contains(broken[0].want, want) {
			t.Fatalf("%q: got %+v", line, broken)
		}
		if len(found) != 2 || found[0].name != "A" || found[1].name != "B" || found[1].line != 3 {
			t.Errorf("%q keeps the others from being read: %+v", line, found)
		}
		if strings.Contains(broken[0].want, "s3cret") {
			t.Errorf("%q is quoted: %q", line, broken[0].want)
		}
	}
	f("no assignment s3cret", "", "NAME=value")
	f("K: s3cret", "", "NAME=value")
	f("=s3cret", "", "NAME=value")
	f("2K=s3cret", "", "NAME=value")
	f("export s3cret", "", "NAME=value")
	f("two words=s3cret", "", "NAME=value")
	f(`K="s3cret`, "K", "closed")
	f(`K='s3cret`, "K", "closed")
	f(`K="s3cret\"`, "K", "closed")
	f(`K="s3cret" more`, "K", "closing quote")
	f("K=s3cret\xff", "K", "UTF-8")
	f("K=s3cret\x00", "K", "control")
	f("K=s3cret\rL=1", "K", "control")
}

func TestParseDotenvUTF16(t *testing.T) {
	found, broken := parseDotenv([]byte("\xff\xfeK\x00=\x00v\x00"))
	if len(found) != 0 || len(broken) != 1 || !strings.Contains(broken[0].want, "UTF-16") {
		t.Errorf("got %v and %v", found, broken)
	}
}

func TestIsPlaceholder(t *testing.T) {
	f := func(value string, want bool) {
		t.Helper()
		if got := isPlaceholder(value); got != want {
			t.Errorf("%q: got %v", value, got)
		}
	}
	f("your_api_key_here", true)
	f("YOUR_API_KEY", true)
	f("your-key", true)
	f("your_企业微信key", true)
	f("<your key>", true)
	f("changeme", true)
	f("CHANGE_ME", true)
	f("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=your_webhook_key", true)
	f("https://host/send?key=your_key&debug=1", true)
	f("https://host/send?debug=1&key=changeme", true)
	f("", false)
	f("sk-your_key", false)
	f("./your_app.log", false)
	f("your_app.log,/var/log/syslog", false)
	f("yours", false)
	f("https://host/send?key=0a1b2c3d", false)
	f("https://host/your_path?key=0a1b2c3d", false)
}

func FuzzParseDotenv(f *testing.F) {
	for _, seed := range []string{
		"K=5m // comment\r\n", "\ufeffexport K=\"a\\\"b\" # c", "K='", "=\n", "K= //", "K=\xff\xb8 # \xff", "\xff\xfeK",
		"K=a　#b\nL=https://h/#f", "export=1\nexport A=1\nexport\n", "K=\"\\", "K=\"\\\\\"x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, broken := parseDotenv(data)
		lines := strings.Count(string(data), "\n") + 1
		for _, a := range found {
			if !variableName.MatchString(a.name) || a.line < 1 || a.line > lines {
				t.Errorf("assignment %+v of %d lines", a, lines)
			}
			if !utf8.ValidString(a.value) || strings.ContainsAny(a.value, "\x00\n") {
				t.Errorf("value %q", a.value)
			}
			// What was read can be written down so that it is read again.
			again, none := parseDotenv([]byte(a.name + "=" + quote(a.value)))
			if len(none) != 0 || len(again) != 1 || again[0].value != a.value {
				t.Errorf("%q is read again as %v, %v", a.value, again, none)
			}
		}
		for _, b := range broken {
			if b.line < 1 || b.line > lines || b.want == "" {
				t.Errorf("broken %+v of %d lines", b, lines)
			}
		}
		if value := environmentValue(string(data)); len(value) > len(data) {
			t.Errorf("the value grew: %q", value)
		}
	})
}

func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
