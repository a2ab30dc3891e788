package fingerprint

import (
	"slices"
	"strings"

	"tocsin/pkg/events"
)

// kernelFrames is how many frames of a kernel's trace count.
const kernelFrames = 3

// kernel is the title and the topmost reliable frames.
func kernel(e *events.Event) string {
	title, kind := headline(e), ""
	if k := e.Kernel; k != nil {
		kind = k.Type
		if k.Title != "" {
			title = k.Title
		}
	}
	if title == "" {
		title = kind
	}
	out := kernelTitle(title)
	if frames := reliableFrames(e.Frames); len(frames) > 0 {
		out += " | " + strings.Join(frames, " < ")
	}
	return out
}

func reliableFrames(frames []events.Frame) []string {
	var names []string
	for i := range frames {
		name := symbol(frames[i].Function)
		if frames[i].Unreliable || name == "" || reporting(name) || slices.Contains(names, name) {
			continue
		}
		if names = append(names, name); len(names) == kernelFrames {
			break
		}
	}
	return names
}

// symbol is a kernel function without offset and without what the compiler
// adds to the names of its copies.
func symbol(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), ".")
	if i := strings.Index(s, "+0x"); i >= 0 {
		s = s[:i]
	}
	for _, suffix := range []string{".isra.", ".constprop.", ".part.", ".cold", ".llvm.", ".lto_priv."} {
		if i := strings.Index(s, suffix); i > 0 {
			s = s[:i]
		}
	}
	return s
}

// reporting tells the functions that report a fault from those that have one.
func reporting(name string) bool {
	switch name {
	case "dump_stack", "dump_stack_lvl", "__dump_stack", "show_stack", "show_trace_log_lvl", "dump_backtrace", "unwind_backtrace", "print_report", "panic",
		"__warn", "warn_slowpath_fmt", "warn_slowpath_null", "warn_slowpath_common", "report_bug", "handle_bug", "die", "oops_end", "__die",
		"exc_invalid_op", "asm_exc_invalid_op", "exc_page_fault", "asm_exc_page_fault", "page_fault_oops", "no_context", "do_trap", "do_error_trap",
		"kasan_report", "__kasan_report", "print_address_description", "kasan_object_err", "kasan_check_range",
		"watchdog_timer_fn", "__hrtimer_run_queues", "__run_hrtimer", "hrtimer_interrupt", "sched_show_task", "nmi_cpu_backtrace", "nmi_trigger_cpumask_backtrace":
		return true
	}
	return false
}

// kernelTitle normalises a title and takes out who it happened to: CPU and
// PID, comm:pid in brackets or behind "task" and "by task".
func kernelTitle(s string) string {
	fields := strings.Fields(s)
	out := fields[:0]
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		switch {
		case (f == "CPU:" || f == "PID:" || f == "Comm:" || f == "UID:") && i+1 < len(fields):
			i++
			continue
		case strings.HasPrefix(f, "CPU#"):
			f = "CPU"
		case f[0] == '[' && f[len(f)-1] == ']' && commPID(f[1:len(f)-1]):
			continue
		case i > 0 && (fields[i-1] == "task" || fields[i-1] == "Task") && commPID(strings.TrimRight(f, ".,;")):
			continue
		}
		if at := strings.Index(f, "+0x"); at > 0 {
			f = symbol(f)
		}
		out = append(out, f)
	}
	return Normalise(strings.Join(out, " "))
}

// commPID tells comm:pid and comm/pid.
func commPID(s string) bool {
	i := strings.LastIndexAny(s, ":/")
	if i <= 0 || i+1 == len(s) {
		return false
	}
	for _, c := range []byte(s[i+1:]) {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
