package service

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// writeEnv writes a .env file and gives its path.
func writeEnv(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, content)
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load loads settings that must be right.
func load(t *testing.T, environ []string, dotenv string) Settings {
	t.Helper()
	s, err := Load(environ, dotenv)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// problems loads settings that must be wrong.
func problems(t *testing.T, environ []string, dotenv string) []Problem {
	t.Helper()
	_, err := Load(environ, dotenv)
	var e *SettingsError
	if !errors.As(err, &e) {
		t.Fatalf("want a SettingsError, got %v", err)
	}
	return e.Problems
}

// originalEnv is the .env of the original system's documentation.
const originalEnv = `# 日志文件路径，支持多个文件，用逗号分隔
LOG_FILE_PATHS=./testLog/syslog,./testLog/messages,/var/log/application.log

# AI分析配置
AI_API_URL=https://api.openai.com/v1/chat/completions
AI_API_KEY=your_api_key_here // 替换为使用的API密钥
AI_MODEL_NAME=gpt-3.5-turbo // 替换为模型名称
AI_ENABLE=true // 是否启用AI分析

# 微信告警配置
AI_WECHAT_WEBHOOK=https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=your_webhook_key // 企业微信告警webhook

# Elasticsearch配置
ES_NODES=http://localhost:9200 // Elasticsearch节点地址
ES_INDEX=log-analysis // Elasticsearch索引名称

# 可选配置
MAX_WORKERS=12 // 工作池大小
ALERT_TTL=6m // 告警缓存TTL
METRICS_PORT=2112 // 监控指标端口
LOG_LEVEL=info // 日志级别
ENABLE_CELL_TRACE=true // 是否启用Cell Trace检测
ENABLE_ALERT=false // 是否启用告警功能
ENABLE_ES=true // 是否启用ES存储功能
`

func wantOriginal(t *testing.T, s Settings) {
	t.Helper()
	want := Defaults()
	want.LogFilePaths = "./testLog/syslog,./testLog/messages,/var/log/application.log"
	want.AIModelName = "gpt-3.5-turbo"
	want.ESNodes = "http://localhost:9200"
	want.MaxWorkers = 12
	want.AlertTTL = 6 * time.Minute
	want.MetricsPort = 2112
	want.EnableAlert = false
	want.warnings = s.warnings
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if len(s.Warnings()) != 2 {
		t.Errorf("want one warning for each of two placeholders, got %q", s.Warnings())
	}
}

func TestLoadOriginalFile(t *testing.T) {
	wantOriginal(t, load(t, nil, writeEnv(t, originalEnv)))
	wantOriginal(t, load(t, nil, writeEnv(t, "\ufeff"+strings.ReplaceAll(originalEnv, "\n", "\r\n"))))
}

func TestLoadOriginalFileAsDockerPassesItOn(t *testing.T) {
	var environ []string
	for line := range strings.SplitSeq(originalEnv, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			environ = append(environ, line)
		}
	}
	wantOriginal(t, load(t, environ, ""))
}

func TestLoadEnvironment(t *testing.T) {
	f := func(variable string, get func(Settings) any, want any) {
		t.Helper()
		if got := get(load(t, []string{variable}, "")); got != want {
			t.Errorf("%s: got %v, want %v", variable, got, want)
		}
	}
	f(`AI_API_KEY="sk-1 # 2" // quoted`, func(s Settings) any { return s.AIAPIKey }, "sk-1 # 2")
	f(`AI_API_KEY="sk-1 // open`, func(s Settings) any { return s.AIAPIKey }, `"sk-1`)
	f("AI_API_URL=http://h/v1#part", func(s Settings) any { return s.AIAPIURL }, "http://h/v1#part")
	f("HOST_NAME= web1 ", func(s Settings) any { return s.HostName }, "web1")
	// Only the original names end at a comment in the environment.
	f("DATA_DIR=/data # 1", func(s Settings) any { return s.DataDir }, "/data # 1")
	f("LOG_LEVEL=WARNING", func(s Settings) any { return s.LogLevel }, "warn")
	f("LOG_FORMAT=JSON", func(s Settings) any { return s.LogFormat }, "json")
	f("MASK_LEVELS= Secrets , network", func(s Settings) any { return s.MaskLevels }, "secrets,network")
	f("ES_NODES=localhost:9200, https://b:9201,", func(s Settings) any { return s.ESNodes }, "http://localhost:9200,https://b:9201")
	f("NATS_URL=broker:4222,tls://b:4222", func(s Settings) any { return s.NatsURL }, "nats://broker:4222,tls://b:4222")
	f("START_AT=24h", func(s Settings) any { return s.StartAt }, "24h")
	f("START_AT=End", func(s Settings) any { return s.StartAt }, "end")
	f("METRICS_PORT=0", func(s Settings) any { return s.MetricsPort }, 0)
	f("METRICS_PORT=", func(s Settings) any { return s.MetricsPort }, -1)
	f("RAW_MAX_BYTES=1.5GB", func(s Settings) any { return s.RawMaxBytes }, Bytes(1_500_000_000))
	f("ATTACH_BACKLOG=1h", func(s Settings) any { return s.AttachBacklog }, time.Hour)
	f("AI_ENABLE=False", func(s Settings) any { return s.AIEnable }, false)
	f("UNKNOWN=1", func(s Settings) any { return s.MaxWorkers }, 10)
}

func TestLoadEmptyIsNotUnset(t *testing.T) {
	f := func(dotenv string, environ []string, url, key string) {
		t.Helper()
		s := load(t, environ, writeEnv(t, dotenv))
		if s.AIAPIURL != url || s.AIAPIKey != key {
			t.Errorf("%q, %q: got %q and %q", dotenv, environ, s.AIAPIURL, s.AIAPIKey)
		}
	}
	const openAI = "https://api.openai.com/v1/chat/completions"
	f("", nil, openAI, "")
	f("AI_API_URL=", nil, "", "")
	f("AI_API_URL= // off", nil, "", "")
	f("AI_API_URL=your_url", nil, "", "")
	f("AI_API_URL=http://h", []string{"AI_API_URL="}, "", "")
	f("AI_API_URL=", []string{"AI_API_URL=http://h"}, "http://h", "")
	f("AI_API_KEY=k1", nil, openAI, "k1")
	f("AI_API_KEY=k1", []string{"AI_API_KEY="}, openAI, "")
}

func TestLoadSecretFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		write(t, path, content)
		return path
	}
	for name, get := range map[string]func(Settings) string{
		"AI_API_KEY":        func(s Settings) string { return s.AIAPIKey },
		"AI_WECHAT_WEBHOOK": func(s Settings) string { return s.AIWechatWebhook },
		"MASK_KEY":          func(s Settings) string { return s.MaskKey },
		"NATS_TOKEN":        func(s Settings) string { return s.NatsToken },
	} {
		const value = "https://host/send?key=0123"
		path := file(name, value+"\r\n\n")
		if got := get(load(t, []string{name + "_FILE=" + path}, "")); got != value {
			t.Errorf("%s_FILE in the environment: got %q", name, got)
		}
		if got := get(load(t, nil, writeEnv(t, name+"_FILE="+path+" # here"))); got != value {
			t.Errorf("%s_FILE in .env: got %q", name, got)
		}
	}

	path := file("key", "from-file\n")
	f := func(dotenv, environ, want string) {
		t.Helper()
		if got := load(t, []string{environ}, writeEnv(t, dotenv)).AIAPIKey; got != want {
			t.Errorf("%q, %q: got %q", dotenv, environ, got)
		}
	}
	f("AI_API_KEY=from-env", "AI_API_KEY_FILE="+path, "from-file")
	f("AI_API_KEY_FILE="+path, "AI_API_KEY=from-environment", "from-environment")
	f("AI_API_KEY=your_key\nAI_API_KEY_FILE="+path, "", "from-file")
	f("AI_API_KEY_FILE=", "AI_API_KEY=k", "k")
	f("AI_API_KEY_FILE=your_key_file", "AI_API_KEY=k", "k")
	f("", "AI_API_KEY_FILE="+file("placeholder", "your_api_key\n"), "")
	f("", "AI_API_KEY_FILE="+file("empty", "\n"), "")
}

func TestLoadSecretFileProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, "secret-in-file")
	f := func(environ []string, want string) {
		t.Helper()
		got := problems(t, environ, "")
		if len(got) != 1 || got[0].Name != "AI_API_KEY_FILE" || !strings.Contains(got[0].String(), want) {
			t.Errorf("%q: got %v", environ, got)
		}
		if text := got[0].String(); strings.Contains(text, "secret-") {
			t.Errorf("%q tells a secret: %s", environ, text)
		}
	}
	f([]string{"AI_API_KEY_FILE=" + path + ".missing"}, "no such file")
	f([]string{"AI_API_KEY_FILE=" + filepath.Dir(path)}, "is a directory")
	f([]string{"AI_API_KEY_FILE=" + path, "AI_API_KEY=secret-direct"}, "only one of AI_API_KEY and AI_API_KEY_FILE")
}

func TestLoadFileThatCannotBeRead(t *testing.T) {
	if _, err := Load(nil, filepath.Join(t.TempDir(), "missing")); err != nil {
		t.Errorf("a .env that is not there: %v", err)
	}
	got := problems(t, nil, t.TempDir())
	if len(got) != 1 || !strings.Contains(got[0].Want, "readable file") {
		t.Errorf("a folder: got %v", got)
	}
	path := writeEnv(t, "A=1\nAI_API_KEY=\"sk-secret\nbroken line\n")
	text := (&SettingsError{problems(t, nil, path)}).Error()
	for _, want := range []string{"2 settings", "AI_API_KEY (" + path + " line 2)", path + " (line 3)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if strings.Contains(text, "sk-secret") {
		t.Errorf("tells the secret: %q", text)
	}
}

// TestLoadBadValues gives each setting that can be wrong a wrong value.
func TestLoadBadValues(t *testing.T) {
	bad := map[string][]string{
		"LOG_FILE_PATHS":      {"/var/log/[a"},
		"START_AT":            {"middle", "-1h", "24"},
		"TZ":                  {"Mars/Olympus", "CST-8", ":/no/such/zone"},
		"HOST_NAME":           {"two words", "a/b"},
		"NATS_URL":            {"http://h", "nats://", "nats://a:4222,ftp://b"},
		"NATS_CREDS":          {"/no/such/file", "/"},
		"AI_ENABLE":           {"maybe"},
		"AI_API_URL":          {"api.openai.com", "ftp://h", "http://"},
		"AI_LANGUAGE":         {"klingonese!", "e"},
		"AI_TIMEOUT":          {"120", "0", "-1s", "soon"},
		"AI_IDLE_TIMEOUT":     {"0s", "x"},
		"AI_MIN_SEVERITY":     {"11", "-1", "NaN", "high"},
		"AI_MAX_AGE":          {"0"},
		"AI_BACKLOG_MAX":      {"-1", "1.5", "many"},
		"AI_WECHAT_WEBHOOK":   {"0a1b2c3d-key"},
		"ENABLE_ALERT":        {"on"},
		"ENABLE_ES":           {"2"},
		"ENABLE_CELL_TRACE":   {"ja"},
		"ATTACH_BACKLOG":      {"-1s"},
		"ALERT_TTL":           {"0", "5"},
		"ALERT_WAIT_ANALYSIS": {"-1s"},
		"ES_NODES":            {"ftp://h", "http://", "http://a, b c"},
		"ES_INDEX":            {"Logs", "_logs", "a b", "-x"},
		"MASK_LEVELS":         {"secrets,everything", ","},
		"MASK_MODE":           {"hash"},
		"MAX_WORKERS":         {"0", "-1", "1001", "ten"},
		"EVENT_QUIET":         {"0", "2m"},
		"ROTATED_WAIT":        {"-1s"},
		"METRICS_HOST":        {"127.0.0.1:2112", "a b", "http://h"},
		"METRICS_PORT":        {"-1", "65536", "http"},
		"RAW_KEEP":            {"-1s"},
		"EVENTS_KEEP":         {"-1s", "7d"},
		"RAW_MAX_BYTES":       {"0", "1KiB", "-1GiB", "lots"},
		"EVENTS_MAX_BYTES":    {"1000", "9999999TiB"},
		"LOG_LEVEL":           {"loud"},
		"LOG_FORMAT":          {"xml"},
	}
	// These take any text.
	free := map[string]bool{"DATA_DIR": true, "NATS_TOKEN": true, "AI_API_KEY": true, "AI_MODEL_NAME": true, "MASK_KEY": true}
	for _, row := range table() {
		if free[row.name] == (len(bad[row.name]) > 0) {
			t.Errorf("%s needs a bad value here, or to be among the free ones", row.name)
		}
		for _, value := range bad[row.name] {
			got := problems(t, []string{row.name + "=" + value}, "")
			if len(got) != 1 || got[0].Name != row.name || !strings.HasPrefix(got[0].Want, "it must be ") {
				t.Errorf("%s=%s: got %v", row.name, value, got)
				continue
			}
			if shown := strings.Contains(got[0].String(), value); shown == row.secret {
				t.Errorf("%s: secret %v, shown %v: %s", row.name, row.secret, shown, got[0])
			}
		}
	}
	var all []string
	for name, values := range bad {
		all = append(all, name+"="+values[0])
	}
	if got := problems(t, all, ""); len(got) != len(bad) {
		t.Errorf("%d bad values at once: got %d problems", len(bad), len(got))
	}
}

func TestLoadProblemsComeInTheOrderOfTheTable(t *testing.T) {
	path := writeEnv(t, "ALERT_TTL=x // comment\n")
	got := problems(t, []string{"LOG_LEVEL=x", "START_AT=x", "MAX_WORKERS=0"}, path)
	var names []string
	for _, p := range got {
		names = append(names, p.Name)
	}
	if strings.Join(names, " ") != "START_AT ALERT_TTL MAX_WORKERS LOG_LEVEL" {
		t.Errorf("got %v", names)
	}
	if want := `ALERT_TTL="x" (` + path + ` line 1): it must be a duration such as 300ms, 15s, 5m or 168h`; got[1].String() != want {
		t.Errorf("got  %s\nwant %s", got[1], want)
	}
	if want := `MAX_WORKERS="0" (environment): it must be a whole number from 1 to 1000`; got[2].String() != want {
		t.Errorf("got  %s\nwant %s", got[2], want)
	}
}

func TestLoadProblemsHoldNoPassword(t *testing.T) {
	_, err := Load([]string{
		"NATS_URL=htp://admin:hunter2hunter2@h", "ES_NODES=ftp://elastic:pass%21word@h",
		"AI_API_URL=htps://h/?api_key=k3yk3yk3y", "AI_WECHAT_WEBHOOK=htp://h/?key=r0b0tr0b0t",
	}, "")
	if err == nil {
		t.Fatal("no error")
	}
	for _, secret := range []string{"hunter2hunter2", "pass%21word", "k3yk3yk3y", "r0b0tr0b0t"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s is in %v", secret, err)
		}
	}
}

func TestLoadLogFilesOfTestLog(t *testing.T) {
	t.Chdir(t.TempDir())
	if s := load(t, nil, ""); s.LogFilePaths != "" {
		t.Errorf("without testLog: got %q", s.LogFilePaths)
	}
	write(t, "testLog", "a file")
	if s := load(t, nil, ""); s.LogFilePaths != "" {
		t.Errorf("testLog is a file: got %q", s.LogFilePaths)
	}
	if err := errors.Join(os.Remove("testLog"), os.Mkdir("testLog", 0o700)); err != nil {
		t.Fatal(err)
	}
	if s := load(t, nil, ""); s.LogFilePaths != "./testLog/*" {
		t.Errorf("with testLog: got %q", s.LogFilePaths)
	}
	if s := load(t, []string{"LOG_FILE_PATHS=/a"}, ""); s.LogFilePaths != "/a" {
		t.Errorf("set: got %q", s.LogFilePaths)
	}
}

func TestRequire(t *testing.T) {
	t.Chdir(t.TempDir())
	s := load(t, nil, "")
	err := s.Require("LOG_FILE_PATHS", "NATS_URL")
	if ExitCode(err) != ExitSettings {
		t.Errorf("exit code of %v: %d", err, ExitCode(err))
	}
	for _, want := range []string{"LOG_FILE_PATHS=/var/log/", "NATS_URL=nats://127.0.0.1:4222"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the line to set, %s, is missing in %v", want, err)
		}
	}
	s.LogFilePaths, s.NatsURL = "/a", "nats://h"
	if err := s.Require("LOG_FILE_PATHS", "NATS_URL"); err != nil {
		t.Error(err)
	}
	s.LogFilePaths = " , "
	if s.Require("LOG_FILE_PATHS") == nil {
		t.Error("only commas are no path")
	}
}

func TestJoinSettings(t *testing.T) {
	one, two, other := &SettingsError{[]Problem{{Name: "A"}}}, &SettingsError{[]Problem{{Name: "B"}}}, errors.New("other")
	if JoinSettings(nil, nil) != nil {
		t.Error("nothing is wrong")
	}
	if err := JoinSettings(nil, one, two); ExitCode(err) != ExitSettings || !strings.Contains(err.Error(), "2 settings") {
		t.Errorf("got %v", err)
	}
	if err := JoinSettings(one, other); err != other {
		t.Errorf("got %v", err)
	}
}

func TestAWrongAddressIsNotQuoted(t *testing.T) {
	f := func(name, value string) {
		t.Helper()
		_, err := Load([]string{name + "=" + value}, filepath.Join(t.TempDir(), ".env"))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			return
		}
		if strings.Contains(err.Error(), "Zq8Vt3") {
			t.Errorf("%s: the error shows the password", name)
		}
	}
	f("NATS_URL", "nats://user:pa/Zq8Vt3@host:4222")
	f("NATS_URL", "nats://user:pass Zq8Vt3@host")
	f("ES_NODES", "http://elastic:ab#cdZq8Vt3@h:9200")
	f("ES_NODES", "elastic:ab#cdZq8Vt3@h:9200")
	f("AI_API_URL", "http://u:p?wZq8Vt3@h/v1")
	f("AI_API_URL", "htp://h/v1?code=Zq8Vt3")
}
