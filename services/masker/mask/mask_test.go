package mask

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func newMasker(t testing.TB, mode string, levels ...string) *Masker {
	t.Helper()
	if len(levels) == 0 {
		levels = []string{LevelSecrets, LevelPersonal}
	}
	m, err := New(Options{Levels: levels, Mode: mode, Key: []byte("a key for tests")})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Values that must not be written as they are, or whoever scans this file for
// secrets finds them: they are put together here.
var (
	awsKey    = "AKIA" + "IOSFODNN7EXAMPLE"
	githubKey = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
	stripeKey = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
	slackKey  = "xoxb-" + "123456789012-1234567890123-4mt0t4l1yf4k3t0k3n"
	googleKey = "AIza" + "SyDdI0hCZtE6vySjMm-WEfRq3CPzqKqqsHI"
	gitlabKey = "glpat-" + "zBxYu7k2Wq9sTn4vLm1p"
	aliKey    = "LTAI" + "5tQZ8bYxKm3nPv7RwS2dFgHj"
	openAIKey = "sk-" + "proj-9aXb27KqLm4nPz81RtYvW3eUcDfGhJkM"
	jwt       = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ." + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	pemBlock  = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98LLYt\nyxR5MsXFu9PRsrYQA7=\n-----END RSA PRIVATE " + "KEY-----"
)

func TestText(t *testing.T) {
	m := newMasker(t, ModeRedact)
	f := func(in, want string) {
		t.Helper()
		got, _ := m.Text(in)
		if got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	// Keys by their prefix.
	f("using "+awsKey+" in eu", "using ‹key› in eu")
	f("push with "+githubKey, "push with ‹key›")
	f("charge by "+stripeKey+".", "charge by ‹key›.")
	f("slack "+slackKey+" refused", "slack ‹key› refused")
	f("maps key "+googleKey, "maps key ‹key›")
	f("pull "+gitlabKey+" x", "pull ‹key› x")
	f("阿里云"+aliKey+"无效", "阿里云‹key›无效")
	f(`{"m":"a\n`+openAIKey+`\nb"}`, `{"m":"a\n‹key›\nb"}`)
	f("session "+jwt+" expired", "session ‹jwt› expired")
	// Values beside their names.
	f("login failed password=hunter2 user=bob", "login failed password=‹password› user=bob")
	f("DB_PASSWORD=hunter2", "DB_PASSWORD=‹password›")
	f("password: hunter2", "password: ‹password›")
	f("password = hunter2;", "password = ‹password›;")
	f(`{"password":"hun\"ter2","n":1}`, `{"password":"‹password›","n":1}`)
	f(`{"password": 12345678, "n": 1}`, `{"password": "‹password›", "n": 1}`)
	f(`{"log":"{\"secret\":\"s3cr3tvalue\",\"a\":1}"}`, `{"log":"{\"secret\":\"‹secret›\",\"a\":1}"}`)
	f(`{"passwords":["one1","two2"],"x":["y"]}`, `{"passwords":["‹password›","‹password›"],"x":["y"]}`)
	f(`{"msg":"password=hunter2\nnext line"}`, `{"msg":"password=‹password›\nnext line"}`)
	f("GET /v1?access_token=abcdef123456&page=2 HTTP/1.1", "GET /v1?access_token=‹token›&page=2 HTTP/1.1")
	f("connect amqp://bob:hunter2@mq.example:5672/v", "connect amqp://bob:‹password›@mq.example:5672/v")
	f("dsn root:hunter2@tcp(db:3306)/shop", "dsn root:‹password›@tcp(db:3306)/shop")
	f("mysql --password hunter2 -u bob", "mysql --password ‹password› -u bob")
	f("mysql --password=hunter2 -u bob", "mysql --password=‹password› -u bob")
	f("<password>hunter2</password>", "<password>‹password›</password>")
	f("CREATE USER a IDENTIFIED BY 'hunter2'", "CREATE USER a IDENTIFIED BY '‹password›'")
	f("登录失败，密码：hunter2，请重试", "登录失败，密码：‹password›，请重试")
	f("密码是hunter2请妥善保管", "密码是‹password›请妥善保管")
	f("aws_access_key_id="+awsKey, "aws_access_key_id=‹key›")
	f("api_key = 'a1b2c3d4e5'", "api_key = '‹secret›'")
	f("accessKeySecret=Ab3dEf6hIj9", "accessKeySecret=‹secret›")
	f(`password="unclosed value`, `password="‹password›`)
	// Headers.
	f("Authorization: Bearer abc123def456ghi", "Authorization: Bearer ‹auth›")
	f(`-H "Authorization: Basic Ym9iOmh1bnRlcjI=" -v`, `-H "Authorization: Basic ‹auth›" -v`)
	f("used bearer abc123def456ghi789", "used bearer ‹auth›")
	f("Cookie: sid=abcdef123456; theme=dark-blue", "Cookie: sid=‹cookie›; theme=‹cookie›")
	f("Set-Cookie: sid=abcdef123456; Path=/; HttpOnly", "Set-Cookie: sid=‹cookie›; Path=/; HttpOnly")
	// Robots.
	f("POST https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa ok", "POST https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=‹webhook› ok")
	f("POST https://open.feishu.cn/open-apis/bot/v2/hook/aaaabbbb-1234-cccc-5678-ddddeeee", "POST https://open.feishu.cn/open-apis/bot/v2/hook/‹webhook›")
	f("https://oapi.dingtalk.com/robot/send?access_token=0a1b2c3d4e5f60718293a4b5c6d7e8f9", "https://oapi.dingtalk.com/robot/send?access_token=‹webhook›")
	// Private keys, whole and cut.
	f("before\n"+pemBlock+"\nafter", "before\n‹private_key›\nafter")
	f(`{"k":"`+strings.ReplaceAll(pemBlock, "\n", `\n`)+`","n":1}`, `{"k":"‹private_key›","n":1}`)
	f(pemBlock[:90]+"\nERROR: then it was cut", "‹private_key›: then it was cut")
	f("log: x\n"+pemBlock[60:]+"\nafter", "log: ‹private_key›\nafter")
	// Persons.
	f("mail to bob.smith+x@mail.example.com failed", "mail to ‹email› failed")
	f("mailto:bob@example.com/x", "mailto:‹email›/x")
	f("https://bob@example.com/x bob:hunter2@example.com", "https://bob@example.com/x bob:‹email›")
	f("邮箱bob@example.cn不存在", "邮箱‹email›不存在")
	f(`{"m":"x\tbob@example.com"}`, `{"m":"x\t‹email›"}`)
	f("手机号13812345678已注册", "手机号‹phone›已注册")
	f("call +86 138-1234-5678 now", "call ‹phone› now")
	f("call 0086-13812345678", "call ‹phone›")
	f("138 1234 5678", "‹phone›")
	f("id 11010519491231002X checked", "id ‹resident_id› checked")
	f("card 4111 1111 1111 1111 declined", "card ‹bank_card› declined")
	f("卡号6222021234567890128余额不足", "卡号‹bank_card›余额不足")
}

func TestTextLeavesAlone(t *testing.T) {
	m := newMasker(t, ModeToken)
	for _, line := range []string{
		"commit 21fe181c5bfc16306a6828c1f7b762e8aabbccdd merged",
		"trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
		"request 41E3DAF5-6E37-4BCC-9F8E-0D9521E2AA8D done",
		"RIP: 0010:ffffffff81234567 RSP: 0018:ffffc90000123e58",
		"version 10.15.7.19042 build 20240102",
		"2024-01-02T03:04:05.678901234Z took 13912345 ns",
		"order=13812345678 created",
		"订单号13812345678已支付",
		"limit=17179869184 rss=13958643712",
		"wrote 13812345678 bytes",
		"offset 15032385536",
		"blk_-7571492020523929240 to 10.250.14.38:50010",
		"password=*** user=bob",
		"password=<password>",
		"password: ${DB_PASSWORD}",
		"password=$DB_PASSWORD token={{ .Token }}",
		`{"password":"[REDACTED]","token":null,"secret":""}`,
		"Access denied for user 'root'@'db1' (using password: YES)",
		"Failed password for root from 10.0.0.1 port 22 ssh2",
		"wrong password: user not found",
		"unexpected token: foo at line 3",
		"prompt_tokens=1523 max_tokens=4096 tokens: 99",
		"token_type=bearer token_count=12 secretName: registry-pull-key-1a",
		"passwordless login, the tokenizer found 3 tokens",
		"PWD=/root ; USER=root ; COMMAND=/bin/ls",
		"getty@tty1.service: Succeeded.",
		"lodash@4.17.21 react@18.2.0",
		"git@github.com:owner/repo.git",
		"icon@2x.png",
		"http://host:8080/path?page=2",
		"disk-usage task-runner risk-scores-for-every-user-in-the-list",
		"test_internal_api_org_inclusion_with_href",
		"token = next_token(stream)",
		"token=Token{a64f992 ActivityRecord{de9231d}}",
		"pass=10 fail=2",
		"Bearer realm=\"example\", error=invalid_token",
		"-----BEGIN CERTIFICATE-----",
		"192.168.1.1 fe80::1234:5678:9abc:def0 00:1a:2b:3c:4d:5e",
		"1.13812345678 and 0.4111111111111111",
		"4111111111111112",
		"11010519491231002A",
	} {
		if got, spans := m.Text(line); got != line || spans != nil {
			t.Errorf("Text(%q) = %q", line, got)
		}
	}
}

func TestNetworkLevel(t *testing.T) {
	m := newMasker(t, ModeRedact, LevelNetwork)
	f := func(in, want string) {
		t.Helper()
		if got, _ := m.Text(in); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("from 10.250.14.38:50010 to /10.250.14.39", "from ‹ip›:50010 to /‹ip›")
	f("peer [2001:db8::8a2e:370:7334]:443 up", "peer [‹ip›]:443 up")
	f("eth0 00:1A:2b:3c:4d:5e up", "eth0 ‹mac› up")
	f("eth0 00-1A-2b-3c-4d-5e up", "eth0 ‹mac› up")
	f("来自10.1.2.3的请求", "来自‹ip›的请求")
	for _, same := range []string{
		"at 12:34:56 std::bad_alloc a::b", "127.0.0.1 0.0.0.0 255.255.255.0 ::1", "version 1.2.3.4", "Chrome/120.0.0.0", "1.2.3.4.5", "v1.2.3.4",
		"password=hunter2 bob@example.com 13812345678",
	} {
		f(same, same)
	}
}

func TestTokens(t *testing.T) {
	m := newMasker(t, ModeToken)
	shape := regexp.MustCompile(`^‹[a-z_]+:[a-z2-7]{8}›$`)
	token := func(in, before, after string) string {
		t.Helper()
		got, _ := m.Text(in)
		got = strings.TrimSuffix(strings.TrimPrefix(got, before), after)
		if !shape.MatchString(got) {
			t.Fatalf("Text(%q): token %q", in, got)
		}
		return got
	}
	if a, b := token("password=hunter2", "password=", ""), token(`{"password":"hunter2"}`, `{"password":"`, `"}`); a != b {
		t.Errorf("the same value has two tokens: %s, %s", a, b)
	}
	if a, b := token("password=hunter2", "password=", ""), token("password=hunter3", "password=", ""); a == b {
		t.Errorf("two values have the same token %s", a)
	}
	if a, b := token("13812345678", "", ""), token("+86 138-1234-5678", "", ""); a != b {
		t.Errorf("the same number has two tokens: %s, %s", a, b)
	}
	other, err := New(Options{Levels: []string{LevelSecrets}, Key: []byte("another key")})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := other.Text("password=hunter2"); got == "password="+token("password=hunter2", "password=", "") {
		t.Error("two keys give the same token")
	}
}

// What only looks like a token must not hide a secret.
func TestForgedTokens(t *testing.T) {
	m := newMasker(t, ModeRedact)
	f := func(in, want string) {
		t.Helper()
		if got, _ := m.Text(in); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("password=‹hunter2›", "password=‹password›")
	f("‹password=hunter2›", "‹password=‹password›")
	f("‹nokind:abcdefgh "+awsKey+"›", "‹nokind:abcdefgh ‹key››")
	f("password=‹password:abcdefgh›hunter2", "password=‹password:abcdefgh›‹password›")
	f("password=‹password:ABCDEFGH›", "password=‹password›")
	f("password=‹password:abcdefgh›", "password=‹password:abcdefgh›")
	f("‹email›bob@example.com", "‹email›‹email›")
	f("tocsin:allow gitleaks:allow nosec password=hunter2", "tocsin:allow gitleaks:allow nosec password=‹password›")
}

func TestSpans(t *testing.T) {
	m := newMasker(t, ModeToken)
	in := "用户 bob@example.com password=hunter2"
	_, spans := m.Text(in)
	want := []Span{{7, 22, "email"}, {32, 39, "password"}}
	if len(spans) != 2 || spans[0] != want[0] || spans[1] != want[1] {
		t.Errorf("spans %v, want %v", spans, want)
	}
}

func TestJSONStaysValid(t *testing.T) {
	m := newMasker(t, ModeToken)
	for _, doc := range []string{
		`{"password":12345678,"a":{"secret":"x\\"},"token":"abc\\\"defghij"}`,
		`{"log":"{\"password\":12345678,\"token\":\"abc\\\\\"}","t":"bob@example.com\\"}`,
		`{"msg":"Authorization: Bearer abc123def456ghi\"quoted\""}`,
		`{"msg":"password=hunter2\\","n":1}`,
		`{"msg":"password=hun\"ter2","n":1}`,
		`{"m":"\u4e2dbob@example.com\u000013812345678"}`,
		`{"passwords":["a1b2","c3"],"password":{"x":1},"secret":true,"pwd":-1.5e3}`,
		`{"msg":"Cookie: sid=abcdef123456\"; x=\\"}`,
		`{"phone":13812345678,"phones":[13812345678, 13912345679],"id":-13812345678}`,
		`{"m":"[13812345678,13912345679] \"phone\":13812345678"}`,
		`{"phone" : 13812345678}`,
		`{"password":"a","url":"http:\/\/bob:hunter2@host\/x"}`,
	} {
		if !json.Valid([]byte(doc)) {
			t.Fatalf("the test's own %s is not JSON", doc)
		}
		if got, _ := m.Text(doc); !json.Valid([]byte(got)) {
			t.Errorf("Text(%s) = %s", doc, got)
		}
	}
}

func TestOptions(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v): %v, want %q", o, err, want)
		}
	}
	f(Options{Levels: []string{"secret"}, Key: []byte("k")}, "MASK_LEVELS")
	f(Options{Mode: "hide", Key: []byte("k")}, "MASK_MODE")
	f(Options{Levels: []string{LevelSecrets}}, "MASK_KEY")
	if got, err := ParseLevels(" Secrets, personal ,"); err != nil || strings.Join(got, " ") != "secrets personal" {
		t.Errorf("ParseLevels: %v, %v", got, err)
	}
	if _, err := ParseLevels("secrets,all"); err == nil {
		t.Error("ParseLevels takes an unknown level")
	}
}

func TestKindsAreKnown(t *testing.T) {
	for _, k := range Kinds() {
		if !knownKind(k) {
			t.Errorf("kind %s is not known", k)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"password=hunter2 bob@example.com", `{"password":"hun\"ter2","token":12345678}`, "Authorization: Basic Ym9iOmh1bnRlcjI=", pemBlock, jwt,
		"‹password:abcdefgh›x‹password›", "13812345678 4111 1111 1111 1111 11010519491231002X", "密码：hunter2，\xff", "Cookie: a=b; c=d\\", "amqp://a:b@c/d@e",
		`\"secret\":\\\"x\\\"`, "10.0.0.1 2001:db8::1 00:1a:2b:3c:4d:5e", "token=[‹token›,x]", "--password x", `{"passwords":["a","b\`, "eyJeyJeyJ", "-----BEGIN PRIVATE " + "KEY-----", "://://@",
	} {
		f.Add(s)
	}
	m := newMasker(f, ModeToken, LevelSecrets, LevelPersonal, LevelNetwork)
	f.Fuzz(func(t *testing.T, in string) { checkText(t, m, in) })
}

// checkText checks what must hold for every text.
func checkText(t *testing.T, m *Masker, in string) {
	t.Helper()
	out, spans := m.Text(in)
	if utf8.ValidString(in) && !utf8.ValidString(out) {
		t.Fatalf("%q became invalid: %q", in, out)
	}
	// A number alone is text, though JSON too.
	if strings.ContainsAny(in, "{[\"") && json.Valid([]byte(in)) && !json.Valid([]byte(out)) {
		t.Fatalf("%s is JSON, %s is not", in, out)
	}
	if again, _ := m.Text(out); again != out {
		t.Fatalf("not idempotent:\n%q\n%q\n%q", in, out, again)
	}
	at := 0
	for _, s := range spans {
		if s.Start < at || s.End <= s.Start || s.End > len(in) {
			t.Fatalf("spans %v of %d bytes", spans, len(in))
		}
		at = s.End
	}
	if (len(spans) == 0) != (in == out) {
		t.Fatalf("spans %v, but %q became %q", spans, in, out)
	}
}

// TestSoup puts fragments together at random: what the fuzzer would take long
// to come by.
func TestSoup(t *testing.T) {
	m := newMasker(t, ModeToken, LevelSecrets, LevelPersonal, LevelNetwork)
	fragments := []string{
		"password", "token", "secret", "api_key", "pwd", "密码", "authorization", "cookie", "bearer ", "Basic ", "pass", "_key", "sessionid", "identified by ",
		"=", ":", ": ", " = ", "\"", "'", "\\", "\\\"", "{", "}", "[", "]", ",", ";", " ", "\n", "\t", "<", ">", "&", "@", "://", "/", "-", "--", "：", "，", "的", "é", "\\n", "\\u4e2d",
		"hunter2", "abc123def456ghi789", "Ym9iOmh1bnRlcjI=", "bob@example.com", "13812345678", "+86 ", "4111 1111 1111 1111", "11010519491231002X", "10.1.2.3", "2001:db8::8a2e", "00:1a:2b:3c:4d:5e",
		"‹password:abcdefgh›", "‹email›", "‹", "›", "‹nokind›", awsKey, slackKey, jwt, "eyJ", pemBlock, pemBlock[:40], pemBlock[60:], "amqp://a:b", "@tcp(", "/bot/v2/hook/", "true", "***", "12345678", ":AA", "sk-", "\xff",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(fragments[r.IntN(len(fragments))])
		}
		checkText(t, m, b.String())
		once, err := json.Marshal(map[string]any{"m": b.String(), "n": []int{13812345678}})
		if err != nil {
			t.Fatal(err)
		}
		checkText(t, m, string(once))
		twice, err := json.Marshal(map[string]string{"log": string(once)})
		if err != nil {
			t.Fatal(err)
		}
		checkText(t, m, "app: "+string(twice))
		checkText(t, m, string(twice))
	}
}
