package fingerprint

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tocsin/pkg/events"
)

func logEvent(message string) *events.Event {
	return &events.Event{Kind: events.KindLog, Message: message}
}

func TestSameProblem(t *testing.T) {
	f := func(a, b string) {
		t.Helper()
		if x, y := Of(logEvent(a)), Of(logEvent(b)); x != y {
			t.Errorf("differ:\n%q\n%q", x, y)
		}
	}
	f("2024-01-02T03:04:05.678Z connect to 10.0.0.1:8080 failed", "2025-11-12T13:14:15Z connect to 10.20.30.40:443 failed")
	f("Jan  2 03:04:05 worker[123]: died", "Nov 12 13:14:15 worker[4567]: died")
	f("Tue Jan  2 03:04:05 2024 x", "Fri Nov 12 13:14:15 2025 x")
	f("request 41E3DAF5-6E37-4BCC-9F8E-0D9521E2AA8D timed out after 1m30.5s", "request abcdefab-6e37-4bcc-9f8e-0d9521e2aa8d timed out after 350ms")
	f("segfault at 0x7f3a2b ip ffffffff81234567", "segfault at 0xdeadbeef ip 00007f1234abcd12")
	f("login of ‹email:abcdefgh› failed", "login of ‹email:zyxwvuts› failed")
	f("pod nginx-7d9c5b8f6d-x2x4k restarted", "pod nginx-5c4d8b9f7e-a1b2c restarted")
	f("used 91% of 10.5GB", "used 9% of 250MB")
	f("id 42: took -5 s", "id 43: took 7 s")
	f(`user "a1b2c3d4" gone`, `user "99ff88ee" gone`)
	f("耗时 30 毫秒，连接 10.0.0.1 失败", "耗时 5000 毫秒，连接 10.9.8.7 失败")
	f("delete blk_-12 blk_34 blk_-56", "delete blk_7 blk_-8")
	f("a   b\tc", "a b c")
	f("Failed password for root from 10.0.0.1 port 38926 ssh2", "Failed password for bob from 10.9.0.1 port 42 ssh2")
	f("Failed password for invalid user test9 from 10.0.0.1", "Failed password for invalid user a.b from 10.9.0.1")
	f("Invalid user  from 10.0.0.1", "Invalid user bob from 10.0.0.1")
	f("session opened for user root by (uid=0)", "session opened for user bob by (uid=1000)")
	f("Session: 30546174_227569980 initialized by client SPP.", "Session: 3_2 initialized by client WindowsUpdateAgent.")
	f("authentication failure; logname= uid=0 ruser= rhost=n2190.example.com", "authentication failure; logname=x uid=1 ruser=y rhost=10.0.0.1")
	f("reverse mapping for ns.example.com [10.0.0.1] failed", "reverse mapping for 190-7-112-13.bam.example.cl [190.7.112.13] failed")
	f("connection from 10.0.0.1 (dsl-059.45.example.net) at Fri Jul  1 07:57:30 2005", "connection from 10.0.0.2 () at Sat Jul  9 12:53:01 2005")
	f("[client 10.0.0.1] forbidden by rule: /var/www/html/", "[client 10.0.0.2] forbidden by rule: /srv/x")
	f("512 bytes sent", "1.5 KB sent")
	f("1536 bytes (1.5 KB) sent, lifetime 00:12", "12 bytes sent, lifetime <1 sec")
	f(`saved in C:\Windows\winsxs\a.dll`, `saved in D:\x\y`)
	f(`Table 'shop.users' doesn't exist`, `Table 'orders' doesn't exist`)
	f("Surface(name=PopupWindow:9f4ef63) gone", "Surface(name=com.example/com.example.Main) gone")
	f("ws=WorkSource{10113}, uid=1", "ws=null, uid=1000")
	f("token=Token{a64f992 Record{de9231d u0 com.example/.Main t761}}} ok", "token=Token{1 Record{2 u1 com.example/.Other t7}}} ok")
	f("received broadcast android.intent.action.TIME_TICK", "received broadcast android.intent.action.BATTERY_CHANGED")
	f("Active base files: /a/b", "Active base files: /a/b /c/d, /e/f")
	f("fan speeds ( 3552 3534 3375 )", "fan speeds ( 3552 3534 )")
	f("Server environment:java.vendor=Oracle Corporation", "Server environment:zookeeper.version=3.4.5--1, built on 2013-09-30")
	f("- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 ntpd[2915]: x", "- 1131566477 2005.11.09 tbird-admin1 Nov 9 12:01:17 10.0.0.1 ntpd[5]: x")
	f("DHCPDISCOVER from 00:11:43:e3:ba:c3 via eth1", "DHCPDISCOVER from 00:0b:db:0c:aa:f0 via eth1")
	f("bind fe80::1ff:fe23:4567:890a failed", "bind 2001:db8:0:0:1:0:0:1 failed")
	f("Could not resolve wiki.example.travel:443 now", "Could not resolve 10.0.0.1:80 now")
	f("mask=ffffffff set", "mask=0 set")
	f("index:-1", "index:3")
	f(`{"level":"error","msg":"failed to pull","id":"a1"}`, `{"level":"error","msg":"failed to pull","id":"b2"}`)
}

func TestOtherProblem(t *testing.T) {
	f := func(a, b string) {
		t.Helper()
		if x := Of(logEvent(a)); x == Of(logEvent(b)) {
			t.Errorf("%q and %q are both %q", a, b, x)
		}
	}
	f("service nginx started", "service nginx stopped")
	f("open x: ENOENT", "open x: EACCES")
	f(`"GET / HTTP/1.1" 502 12`, `"GET / HTTP/1.1" 404 12`)
	f("upstream status=500", "upstream status=503")
	f("exited with exit code 137", "exited with exit code 1")
	f("killed by signal 9", "killed by signal 11")
	f("read failed: errno 5", "read failed: errno 28")
	f("I/O error on sda", "I/O error on sdb")
	f("nvme0n1: reset", "nvme1n1: reset")
	f("eth0: link down", "eth1: link down")
	f("ORA-00942 raised", "ORA-01017 raised")
	f("‹email:abcdefgh› refused", "‹phone:abcdefgh› refused")
	f("[Errno 2] open x", "[Errno 13] open x")
	f("main process exited, code=killed, status=9/KILL", "main process exited, code=killed, status=11/SEGV")
	f("nginx.service: failed", "mysql.service: failed")
	f("exited with 137", "exited with 1")
	f("state=up peer=10.0.0.1", "state=down peer=10.0.0.1")
	f("level=error err=refused", "level=error err=reset")
	f("overlap:true", "overlap:false")
	f(`{"id":"1","text":"link down"}`, `{"id":"1","text":"link up"}`)
	f("(conn=5 opened, x)", "(conn=5 closed, x)")
	f(`detail="the link is down"`, `detail="the link is up"`)
	f("ready=true x", "ready=false x")
	f("ERROR com.shop.Cart: failed", "ERROR com.shop.Pay: failed")
	f("caught java.net.ConnectException", "caught java.net.SocketTimeoutException")
	f("mapred.job.id is deprecated", "mapred.task.id is deprecated")
	f(`"GET /a HTTP/1.1" 200`, `"POST /a HTTP/1.1" 200`)
	f(`{"level":"error","msg":"failed to pull"}`, `{"level":"error","msg":"failed to push"}`)
	f("I/O error on /dev/sda1", "I/O error on /dev/sdb1")
	f("started service 'mail'", "started service 'web'")
	f("state change from NEW to RUNNING", "state change from RUNNING to FAILED")
}

func TestNormalise(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Normalise(in); got != want {
			t.Errorf("Normalise(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("at 03:04:05.678 worker3 took 12 ms", "at # worker# took #")
	f("exit code 137, pid 42", "exit code 137, pid #")
	f("EXT4-fs error (device sda1): inode 12345", "EXT#-fs error (device sda1): inode #")
	f("‹forged", "‹forged")
	f("", "")
}

func stackEvent(class string, functions ...string) *events.Event {
	e := &events.Event{Kind: events.KindStack, Class: class, Message: class + ": message 42"}
	for i, f := range functions {
		e.Frames = append(e.Frames, events.Frame{Function: f, Line: i + 10})
	}
	return e
}

func TestStack(t *testing.T) {
	f := func(e *events.Event, want string) {
		t.Helper()
		if got := Of(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(stackEvent("java.lang.IllegalStateException", "java.util.Objects.requireNonNull", "com.shop.Cart.lambda$total$3", "com.shop.Cart$2.run", "org.springframework.web.X.y"),
		"2 stack java.lang.IllegalStateException | com.shop.Cart.lambda$total < com.shop.Cart$.run")
	f(stackEvent("StackOverflowError", "a.B.f", "a.B.g", "a.B.f", "a.B.g", "a.B.main"), "2 stack StackOverflowError | a.B.f < a.B.g < a.B.main")
	f(stackEvent("panic", "panic({0x1234, 0x5678})", "main.(*Server).Run.func2(0xc000123456)", "main.main()", "runtime.main()"), "2 stack panic | main.(*Server).Run.func < main.main")
	f(stackEvent("E", "core::result::unwrap", "app::load::h0123456789abcdef"), "2 stack E | app::load")
	f(stackEvent("E", "java.util.A.a", "java.util.B.b"), "2 stack E | java.util.A.a < java.util.B.b")
	f(stackEvent("ValueError"), "2 stack ValueError | ValueError: message #")
	a, b := stackEvent("E", "x.y"), stackEvent("E", "x.y")
	a.Message, b.Message = "one", "two"
	a.Host, a.File, a.Frames[0].Line = "h1", "/var/log/a", 99
	if Of(a) != Of(b) {
		t.Errorf("%q, %q", Of(a), Of(b))
	}
	if Of(stackEvent("E", "x.y")) == Of(stackEvent("F", "x.y")) {
		t.Error("two classes are one problem")
	}
}

func TestHeadlineOfBody(t *testing.T) {
	if got := Of(&events.Event{Kind: events.KindLog, Body: "\nfirst 1\nsecond"}); got != "2 log first #" {
		t.Errorf("got %q", got)
	}
}

func TestLength(t *testing.T) {
	long := strings.Repeat("错", 2000)
	for _, e := range []*events.Event{logEvent(long), stackEvent(long, long), {Kind: events.KindKernel, Message: long}} {
		if got := Of(e); len(got) > MaxLen || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{"2024-01-02T03:04:05Z a", "‹email:abcdefgh›", "exit code 1", "0x1234 ffff81", "HTTP/1.1\" 502", "ORA-00942", "-", "[a:1]", "\xff", "a(0x1)", "x::h0123456789abcdef", "$$Lambda$1/0x2.run"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		frames := []events.Frame{{Function: s}, {Function: "b", File: s}}
		for _, e := range []*events.Event{
			logEvent(s), {Kind: events.KindStack, Class: s, Frames: frames}, {Kind: events.KindStack, Class: s},
			{Kind: events.KindKernel, Kernel: &events.Kernel{Title: s, Type: s}, Frames: frames},
		} {
			got := Of(e)
			if len(got) > MaxLen || !strings.HasPrefix(got, Version+" ") {
				t.Fatalf("fingerprint %q", got)
			}
			if utf8.ValidString(s) && !utf8.ValidString(got) {
				t.Fatalf("%q gives invalid %q", s, got)
			}
			if got != Of(e) {
				t.Fatalf("%q is not the same twice", got)
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	lines := []*events.Event{
		logEvent("2024-01-02T03:04:05.678Z ERROR connect to 10.0.0.1:8080 failed after 350ms: connection refused (errno=111), request 41e3daf5-6e37-4bcc-9f8e-0d9521e2aa8d"),
		logEvent("EXT4-fs error (device sda1): ext4_find_entry:1455: inode #12345: comm nginx: reading directory lblock 0"),
		logEvent("upstream timed out (110: Connection timed out) while reading response header from upstream, client: ‹ip:abcdefgh›, status 504"),
	}
	b.Run("log", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			Of(lines[i%len(lines)])
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	})
	stack := stackEvent("java.lang.IllegalStateException", "java.util.Objects.requireNonNull", "com.shop.Cart.lambda$total$3", "com.shop.Cart.run", "org.springframework.web.X.y", "java.lang.Thread.run")
	b.Run("stack", func(b *testing.B) {
		for b.Loop() {
			Of(stack)
		}
	})
}
