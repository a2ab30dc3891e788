package fingerprint

import "strings"

// blame says how the function that is to blame for a report is found.
type blame int

const (
	// fault: where it happened, or the first frame that is no helper.
	fault blame = iota
	// lock: where the lock was to be taken.
	lock
	// wait: what waits.
	wait
	// stall: what loops.
	stall
	// words: the title says it all; what called it does not matter.
	words
	// nobody: the class alone.
	nobody
)

// warning is the class of WARN_ON, which serves every check there is.
const warning = "warning"

type class struct {
	name  string
	blame blame
	marks []string
}

// classes are tried in this order over the title.
var classes = []class{
	{"task hung", wait, []string{"blocked for more than", "task hung", "blocked in I/O wait"}},
	{"soft lockup", stall, []string{"soft lockup"}},
	{"hard lockup", stall, []string{"hard LOCKUP"}},
	{"rcu stall", stall, []string{"self-detected stall", "detected stall", "detected expedited stall", "rcu_sched kthread starved", "rcu_preempt kthread starved"}},
	{"workqueue lockup", nobody, []string{"workqueue lockup"}},
	{"bad rss-counter", nobody, []string{"Bad rss-counter"}},
	{"possible deadlock", lock, []string{"possible circular locking", "possible recursive locking", "possible irq lock inversion", "possible deadlock", "-> HARDIRQ-", "-> SOFTIRQ-", "unsafe lock order"}},
	{"inconsistent lock state", lock, []string{"inconsistent lock state", "inconsistent {"}},
	{"suspicious RCU usage", fault, []string{"suspicious RCU usage", "suspicious rcu_dereference", "suspicious RCU"}},
	{"non-static key", fault, []string{"non-static key"}},
	{"locking bug", fault, []string{"Invalid wait context", "locking bug"}},
	{"scheduling while atomic", fault, []string{"scheduling while atomic"}},
	{"sleeping function in invalid context", fault, []string{"sleeping function called"}},
	{"in preemptible code", fault, []string{"in preemptible"}},
	{"spinlock bad magic", fault, []string{"spinlock bad magic"}},
	{"page allocation failure", fault, []string{"page allocation failure", "page allocation stall"}},
	{"memory leak", fault, []string{"memory leak", "unreferenced object"}},
	{"NULL pointer dereference", fault, []string{"NULL pointer dereference"}},
	{"general protection fault", fault, []string{"general protection fault", "kasan: CONFIG_KASAN", "kasan: GPF could be caused"}},
	{"page fault", fault, []string{"unable to handle", "Unable to handle", "Unhandled fault", "bad area"}},
	{"divide error", fault, []string{"divide error", "divide_error"}},
	{"stack segment", fault, []string{"stack segment"}},
	{"double fault", fault, []string{"double fault"}},
	{"panic", fault, []string{"syncing: Fatal", "panic: Fatal", "panic_on_warn", "syncing: hung_task", "syncing: softlockup"}},
	{"panic", words, []string{"ernel panic"}},
	{"kernel BUG", fault, []string{"kernel BUG at", "kernel BUG in", "invalid opcode"}},
	{"ODEBUG", fault, []string{"ODEBUG"}},
	{warning, fault, []string{"WARNING"}},
	{"oops", fault, []string{"Oops", "Internal error"}},
}

// classOf gives the class of a title; a title of no class is its own.
func classOf(title string) class {
	for _, sanitizer := range []string{"KASAN", "KMSAN", "KCSAN", "KFENCE", "UBSAN"} {
		if _, rest, ok := strings.Cut(title, sanitizer+": "); ok {
			return class{name: sanitizer + ": " + sanitized(rest), blame: fault}
		}
	}
	for _, c := range classes {
		for _, mark := range c.marks {
			if strings.Contains(title, mark) {
				return c
			}
		}
	}
	head, _, _ := strings.Cut(title, " in ")
	return class{name: kernelTitle(head), blame: fault}
}

// sanitized is what a sanitizer found, in the words of all versions of it.
func sanitized(s string) string {
	for _, end := range []string{" in ", " on ", " at ", " (", " Read", " Write", " Free"} {
		s, _, _ = strings.Cut(s, end)
	}
	switch {
	case strings.Contains(s, "double-free"), strings.Contains(s, "invalid-free"):
		return "invalid-free"
	case strings.HasSuffix(s, "use-after-free"):
		return "use-after-free"
	}
	return strings.ToLower(Normalise(s))
}

// generic tells the functions that report a fault, check for one, or serve all
// others: they are never to blame.
func generic(name string) bool {
	switch name {
	case "panic", "die", "__die", "oops_end", "no_context", "report_bug", "handle_bug", "fixup_bug", "watchdog", "watchdog_timer_fn", "unwind_backtrace", "nmi_panic",
		"__this_cpu_preempt_check", "check_preemption_disabled", "debug_smp_processor_id", "handle_overflow", "usercopy_abort", "usb_submit_urb", "skb_panic", "skb_over_panic", "skb_under_panic", "skb_push", "skb_put", "__flush_work", "flush_work", "__cancel_work_timer", "__switch_to", "__check_object_size", "check_object_size", "check_memory_region", "__might_fault", "might_fault",
		"register_lock_class", "look_up_lock_class", "validate_chain", "check_prev_add", "check_prevs_add", "check_noncircular", "check_wait_context", "lock_sock_nested", "lock_release", "__lock_release",
		"spin_dump", "spin_bug", "complete", "invalid_op", "do_invalid_op", "do_trap", "do_error_trap", "page_fault", "do_page_fault", "__do_page_fault", "general_protection", "error_exit", "error_code", "common_exception",
		"kfree", "kvfree", "vfree", "kvmalloc", "kvmalloc_node", "kmemdup", "kzalloc", "krealloc", "create_object", "memdup_user", "strndup_user", "sock_kmalloc", "free_debug_processing", "mempool_alloc",
		"schedule", "__schedule", "__schedule_bug", "context_switch", "interrupt", "preemptible", "ret_from_fork", "kthread", "ret_from_kernel_thread", "preempt_count_add", "preempt_count_sub", "__might_sleep", "___might_sleep", "__might_resched", "save_stack", "free", "start_secondary", "dequeue_task_idle", "__die_body":
		return true
	}
	return hasPrefix(name, "dump_", "__dump_", "show_", "print_", "__warn", "warn_", "kasan_", "__kasan_", "__asan_", "kmsan_", "__msan_", "kcsan_", "__tsan_", "kfence_", "__kfence_", "ubsan_", "__ubsan_",
		"lockdep_", "lock_acquire", "__lock_acquire", "_raw_", "__raw_", "do_raw_", "mutex_", "__mutex_", "ww_mutex_", "down_read", "down_write", "__down_", "rwsem_", "queued_spin_", "native_queued_", "trace_hardirqs_", "mark_lock", "mark_held", "debug_check_no_", "debug_print_object", "debug_object_", "__debug_object_", "debug_spin_",
		"memcpy", "__memcpy", "memset", "__memset", "memmove", "memcmp", "memchr", "strlen", "strcmp", "strncmp", "strcpy", "strncpy", "strlcpy", "strnlen", "strstr", "__strn", "copy_from_user", "_copy_from_user", "copy_to_user", "_copy_to_user", "copy_user_", "copy_from_iter", "_copy_from_iter", "copy_to_iter", "_copy_to_iter", "raw_copy_", "__copy_",
		"kmalloc", "__kmalloc", "__do_kmalloc", "kmem_cache_", "kmemleak_", "__alloc_pages", "alloc_pages", "__alloc_skb", "alloc_skb", "dev_alloc_skb", "slab_", "__slab_", "___slab_", "___cache_", "cache_", "vmalloc", "__vmalloc", "slob_", "refcount_", "kref_", "__list_", "list_",
		"exc_", "asm_exc_", "asm_sysvec_", "sysvec_", "entry_", "do_syscall_", "do_fast_syscall_", "do_int80_", "sysenter_", "system_call_", "el0_", "el1", "invoke_syscall", "el0t_", "__irq_svc", "page_fault_", "bad_area", "__bad_area", "nmi_")
}

// waiting tells the functions every sleeper is in.
func waiting(name string) bool {
	return hasPrefix(name, "schedule", "__schedule", "io_schedule", "preempt_schedule", "wait_", "__wait_", "do_wait_", "_wait_", "bit_wait", "__bit_wait", "out_of_line_wait", "kthread_stop", "flush_work", "__flush_work", "percpu_ref_", "rcu_barrier")
}

// ticks tells the functions of the interrupt that found a stall.
func ticks(name string) bool {
	return strings.HasSuffix(name, "_interrupt") || strings.HasSuffix(name, "_show_task") || hasPrefix(name, "rcu_", "__rcu_", "check_cpu_stall", "update_process_times", "tick_", "__hrtimer_", "__run_hrtimer", "hrtimer_", "irq_", "__irq", "sched_show", "trigger_", "arch_trigger", "nmi", "apic_", "smp_apic", "local_apic", "perf_", "native_", "interrupt_entry", "restart_nmi", "first_nmi", "end_repeat_nmi", "arch_timer_", "handle_", "generic_handle", "gic_", "raise_", "_sched_show", "end_", "update_")
}

// dispatches tells the functions that call the handlers of everybody.
func dispatches(name string) bool {
	return hasPrefix(name, "do_syscall_", "do_fast_syscall_", "entry_", "do_int80_", "sysenter_", "tracesys_", "system_call_", "invoke_syscall", "el0_svc", "el0t_", "ret_fast_syscall",
		"vfs_read", "vfs_write", "__vfs_", "vfs_ioctl", "do_vfs_ioctl", "ksys_ioctl", "__se_sys_ioctl", "__do_sys_ioctl", "__x64_sys_ioctl", "compat_ioctl", "do_iter_", "do_loop_readv", "new_sync_",
		"process_one_work", "worker_thread", "netif_receive_skb", "__netif_receive_skb", "do_softirq", "__do_softirq", "call_timer_fn", "run_timer_softirq", "__run_timers", "run_ksoftirqd", "rtnetlink_rcv", "netlink_rcv", "nfnetlink_rcv", "smpboot_thread_fn", "cpu_startup_entry", "ret_from_", "call_softirq", "handle_softirqs") ||
		name == "kthread" || name == "start_secondary"
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
