package fingerprint

import (
	"strings"
	"testing"

	"tocsin/pkg/events"
)

// report is a kernel's report; names of frames with a ? are unreliable.
func report(title, body string, names ...string) *events.Event {
	e := &events.Event{Kind: events.KindKernel, Message: "headline", Body: body, Kernel: &events.Kernel{Title: title}}
	for _, name := range names {
		name, unreliable := strings.CutPrefix(name, "? ")
		e.Frames = append(e.Frames, events.Frame{Function: name, Offset: "0x1a", Size: "0x20", Unreliable: unreliable})
	}
	return e
}

func TestKernel(t *testing.T) {
	f := func(e *events.Event, want string) {
		t.Helper()
		if got := Of(e); got != "2 kernel "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(report("WARNING in foo", ""), "warning | foo")
	f(report("WARNING: CPU: 1 PID: 77 at kernel/foo.c:123 bar+0x1a/0x20", ""), "warning | bar")
	f(report("WARNING in warn_slowpath_null", "", "dump_stack", "__warn", "warn_slowpath_null", "? more", "bar.isra.0", "main"), "warning | bar")
	f(report("WARNING", "WARNING: CPU: 0 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2\nCall Trace:\n ? old+0x1/0x2\n sock_put+0x1/0x2"), "refcount bug | sock_put")
	f(report("WARNING", "WARNING: CPU: 0 at kernel/locking/lockdep.c:1 look_up_lock_class+0x1/0x2", "do_ip_setsockopt"), "locking bug | do_ip_setsockopt")
	f(report("BUG: KASAN: slab-use-after-free in memcpy", "", "dump_stack", "kasan_report", "memcpy", "tcp_v4_rcv"), "KASAN: use-after-free | tcp_v4_rcv")
	f(report("KASAN: use-after-free Read in tcp_v4_rcv", ""), "KASAN: use-after-free | tcp_v4_rcv")
	f(report("BUG: KASAN: double-free or invalid-free in kvfree", "", "kfree", "kvfree", "xt_free"), "KASAN: invalid-free | xt_free")
	f(report("UBSAN: array-index-out-of-bounds in fs/x.c:12:3", "", "dump_stack", "ubsan_epilogue", "__ubsan_handle_out_of_bounds", "jfs_read"), "UBSAN: array-index-out-of-bounds | jfs_read")
	f(report("general protection fault: 0000 [#1] SMP", "RIP: 0010:a_b.cold+0x1/0x2\nCall Trace:\n c+0x1/0x2", "c"), "general protection fault | a_b")
	f(report("Unable to handle kernel paging request", "pc : el1_bug+0x1/0x2\nlr : x+0x1/0x2", "do_it"), "page fault | do_it")
	f(report("INFO: task a:1 blocked for more than 120 seconds", "", "__schedule", "schedule", "schedule_timeout", "wait_for_completion", "jbd2_commit", "kthread"), "task hung | jbd2_commit")
	f(report("INFO: task hung in synchronize_rcu_expedited", "", "__schedule", "schedule", "synchronize_rcu_expedited.part.0", "x"), "task hung | synchronize_rcu")
	f(report("BUG: soft lockup - CPU#3 stuck for 22s! [stress:1234]", "", "dump_stack", "? odd", "spin", "work.constprop.7", "kthread"), "soft lockup | work")
	f(report("INFO: rcu detected stall in lock_acquire", "Call Trace:\n <IRQ>\n rcu_check_callbacks+0x1/0x2\n apic_timer_interrupt+0x1/0x2\n </IRQ>\nRIP: 0010:inner+0x1/0x2\n kvm_vcpu_ioctl+0x1/0x2\n do_vfs_ioctl+0x1/0x2"), "rcu stall | kvm_vcpu_ioctl")
	f(report("BUG: soft lockup", "", "d_walk", "__x64_sys_rmdir", "do_syscall_64"), "soft lockup | sys_rmdir")
	f(report("WARNING: possible circular locking dependency detected", "a is trying to acquire lock:\n (&x){+}, at: [<ffff>] lock_sock+0x1/0x2\nbut", "dump_stack"), "possible deadlock | lock_sock")
	f(report("possible deadlock in vcs_read", "", "print_circular_bug", "__lock_acquire", "lock_acquire", "console_lock", "vcs_read"), "possible deadlock | console_lock")
	f(report("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", "", "panic", "do_exit"), "panic | Kernel panic - not syncing: Attempted to kill init!")
	f(report("Kernel panic - not syncing: Fatal exception in interrupt", "", "panic", "oops_end", "tick_handler"), "panic | tick_handler")
	f(report("BUG: workqueue lockup - pool cpus=1 stuck for 45s!", ""), "workqueue lockup")
	f(report("WARNING: something odd 12", ""), "warning | WARNING: something odd")
	f(report("strange thing in the engine_room", ""), "strange thing | strange thing in the engine_room")
	f(&events.Event{Kind: events.KindKernel, Kernel: &events.Kernel{Type: "PANIC"}}, "PANIC | PANIC")
	f(&events.Event{Kind: events.KindKernel}, " | ")
	traces := report("INFO: task hung", "")
	traces.Kernel.Traces = []events.Trace{{Frames: []events.Frame{{Function: "io_schedule"}, {Function: "sync_inodes"}}}}
	f(traces, "task hung | sync_inodes")
}

// TestKernelMachine: who it happened to, where and how deep plays no part.
func TestKernelMachine(t *testing.T) {
	a := report("BUG: KASAN: use-after-free in foo", "", "dump_stack", "foo", "bar", "SyS_read")
	b := report("BUG: KASAN: use-after-free in foo+0x12/0x300", "", "foo.part.3", "other", "SyS_write")
	b.Host, b.File, b.Kernel.Comm, b.Kernel.Hardware = "h", "/f", "nginx", "QEMU"
	if Of(a) != Of(b) {
		t.Errorf("%q and %q differ", Of(a), Of(b))
	}
	if c := report("BUG: KASAN: use-after-free in bar", ""); Of(a) == Of(c) {
		t.Errorf("two functions are one problem: %q", Of(c))
	}
	if c := report("BUG: KASAN: global-out-of-bounds in foo", ""); Of(a) == Of(c) {
		t.Errorf("two classes are one problem: %q", Of(c))
	}
}
