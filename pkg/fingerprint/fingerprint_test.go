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
}

func TestNormalise(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Normalise(in); got != want {
			t.Errorf("Normalise(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("at 03:04:05.678 worker3 took 12 ms", "at # worker# took # ms")
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
		"1 stack java.lang.IllegalStateException | com.shop.Cart.lambda$total < com.shop.Cart$.run")
	f(stackEvent("StackOverflowError", "a.B.f", "a.B.g", "a.B.f", "a.B.g", "a.B.main"), "1 stack StackOverflowError | a.B.f < a.B.g < a.B.main")
	f(stackEvent("panic", "panic({0x1234, 0x5678})", "main.(*Server).Run.func2(0xc000123456)", "main.main()", "runtime.main()"), "1 stack panic | main.(*Server).Run.func < main.main")
	f(stackEvent("E", "core::result::unwrap", "app::load::h0123456789abcdef"), "1 stack E | app::load")
	f(stackEvent("E", "java.util.A.a", "java.util.B.b"), "1 stack E | java.util.A.a < java.util.B.b")
	f(stackEvent("ValueError"), "1 stack ValueError | ValueError: message #")
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

func TestKernel(t *testing.T) {
	report := func(title string, frames ...events.Frame) *events.Event {
		return &events.Event{Kind: events.KindKernel, Message: "headline", Kernel: &events.Kernel{Title: title}, Frames: frames}
	}
	frame := func(f string) events.Frame { return events.Frame{Function: f, Offset: "0x1a", Size: "0x20"} }
	f := func(e *events.Event, want string) {
		t.Helper()
		if got := Of(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(report("BUG: soft lockup - CPU#3 stuck for 22s! [stress:1234]", frame("dump_stack"), events.Frame{Function: "ret_from_fork", Unreliable: true}, frame("spin.isra.0"), frame("work.constprop.7.cold"), frame("kthread"), frame("more")),
		"1 kernel BUG: soft lockup - CPU stuck for #! | spin < work < kthread")
	f(report("INFO: task jbd2/sda1-8:345 blocked for more than 120 seconds."), "1 kernel INFO: task blocked for more than # seconds.")
	f(report("WARNING: CPU: 1 PID: 77 at kernel/foo.c:123 bar+0x1a/0x20"), "1 kernel WARNING: at kernel/foo.c:# bar")
	if Of(report("KASAN: use-after-free in a")) == Of(report("KASAN: use-after-free in b")) {
		t.Error("two titles are one problem")
	}
	f(&events.Event{Kind: events.KindKernel, Kernel: &events.Kernel{Type: "PANIC"}}, "1 kernel PANIC")
}

func TestHeadlineOfBody(t *testing.T) {
	if got := Of(&events.Event{Kind: events.KindLog, Body: "\nfirst 1\nsecond"}); got != "1 log first #" {
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
