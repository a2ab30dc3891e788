package fingerprint

import (
	"strings"

	"tocsin/pkg/events"
)

// kernel is the class of a report and the function that is to blame for it. One
// function alone: what called it differs from one way into the same fault to
// the next. Where no function is known the words of the title count.
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
	c := classOf(title)
	if c.name == warning {
		c.name = warned(e, title)
	}
	switch c.blame {
	case nobody:
		return c.name
	case words:
		return c.name + " | " + kernelTitle(title)
	}
	if function := guilty(e, c.blame, title); function != "" {
		return c.name + " | " + function
	}
	return c.name + " | " + kernelTitle(title)
}

// guilty gives the function to blame, empty if none is known.
func guilty(e *events.Event, b blame, title string) string {
	switch b {
	case stall:
		if name := stalled(bodySymbols(e.Body)); name != "" {
			return name
		}
		return stalled(frameSymbols(e))
	case wait:
		return first(frameSymbols(e), func(name string) bool { return generic(name) || waiting(name) || dispatches(name) })
	case lock:
		if _, rest, ok := strings.Cut(e.Body, "trying to acquire lock"); ok {
			if _, at, ok := strings.Cut(rest, "at: "); ok {
				if name := first(bodySymbols(firstLine(at)), generic); name != "" {
					return name
				}
			}
		}
	default:
		if name := titleSymbol(title); name != "" && !generic(name) {
			return blamed(name)
		}
		if name := first(pointers(e.Body), generic); name != "" {
			return name
		}
	}
	if name := first(frameSymbols(e), generic); name != "" {
		return name
	}
	// A trace that the registers of a fault interrupt goes on behind them.
	return first(bodySymbols(e.Body), generic)
}

// warned tells the checks that warn on behalf of everybody from a warning of
// the function itself.
func warned(e *events.Event, title string) string {
	name := titleSymbol(title)
	if names := bodySymbols(e.Body); len(names) > 0 {
		name = names[0]
	}
	switch {
	case strings.HasPrefix(name, "refcount_"):
		return "refcount bug"
	case strings.HasPrefix(name, "debug_print_object"), strings.HasPrefix(name, "debug_object_"):
		return "ODEBUG"
	case strings.HasPrefix(name, "kmalloc_"), strings.HasPrefix(name, "kvmalloc"):
		return "kmalloc bug"
	case strings.HasSuffix(name, "_lock_class"), strings.HasPrefix(name, "__lock_acquire"), name == "check_wait_context":
		return "locking bug"
	}
	return warning
}

// first gives the first name that is not passed over.
func first(names []string, pass func(string) bool) string {
	for _, name := range names {
		if !pass(name) {
			return blamed(name)
		}
	}
	return ""
}

// blamed joins the ways into one function: its entries as a system call and the
// forms of synchronize_rcu.
func blamed(name string) string {
	if s := strings.TrimPrefix(name, "__"); hasPrefix(s, "synchronize_rcu", "synchronize_srcu", "synchronize_sched") {
		return "synchronize_rcu"
	}
	for _, p := range []string{"__x64_sys_", "__ia32_compat_sys_", "__ia32_sys_", "__do_sys_", "__se_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_", "compat_SyS_", "SyS_", "SYSC_", "ksys_", "__sys_"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			return "sys_" + rest
		}
	}
	return name
}

// stalled names the loop a CPU is in: where it was interrupted is chance, so the
// function counts that the dispatching code called (a system call, the
// handler of an ioctl, a timer, a work item).
func stalled(names []string) string {
	before := ""
	for _, name := range names {
		switch {
		case dispatches(name):
			if before != "" {
				return blamed(before)
			}
		case !generic(name) && !waiting(name) && !ticks(name):
			before = name
		}
	}
	return blamed(before)
}

// frameSymbols are the names of the reliable frames, the first trace first.
func frameSymbols(e *events.Event) []string {
	var names []string
	add := func(frames []events.Frame) {
		for i := range frames {
			if name := symbol(frames[i].Function); name != "" && !frames[i].Unreliable {
				names = append(names, name)
			}
		}
	}
	add(e.Frames)
	if e.Kernel != nil {
		for _, t := range e.Kernel.Traces {
			add(t.Frames)
		}
	}
	return names
}

// maxSymbols is how many names of a body are read.
const maxSymbols = 256

// bodySymbols are the reliable names with an offset (name+0x1a/0x20) in the
// text of a report, in its order.
func bodySymbols(body string) []string {
	var names []string
	for at := 0; len(names) < maxSymbols; {
		i := strings.Index(body[at:], "+0x")
		if i < 0 {
			break
		}
		end := at + i
		start := end
		for start > at && (isWord(body[start-1]) || body[start-1] == '.') {
			start--
		}
		at = end + len("+0x")
		if start < end && !strings.HasSuffix(body[max(0, start-2):start], "? ") {
			names = append(names, symbol(body[start:end]))
		}
	}
	return names
}

// pointers are the functions the instruction pointer of a fault was in, as the
// architectures print it.
func pointers(body string) []string {
	for _, mark := range []string{"RIP: ", "EIP: ", "pc : ", "PC is at ", "NIP [", "epc : ", "Krnl PSW"} {
		if _, rest, ok := strings.Cut(body, mark); ok {
			return bodySymbols(firstLine(rest))
		}
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// titleSymbol gives the function a title names: "… in name", "… in name at addr",
// "… in name / other", "at file:1 name+0x1a/0x20".
func titleSymbol(title string) string {
	if i := strings.LastIndex(title, " in "); i >= 0 {
		name, rest, _ := strings.Cut(title[i+len(" in "):], " ")
		last := rest == "" || strings.Contains(name, "+0x") || hasPrefix(rest, "at ", "/ ")
		if name = symbol(name); last && isSymbol(name) {
			return name
		}
	}
	if names := bodySymbols(title); len(names) > 0 {
		return names[len(names)-1]
	}
	return ""
}

func isSymbol(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) && s[i] != '.' {
			return false
		}
	}
	return s != ""
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

// kernelTitle normalises a title up to what tells this one occasion: numbers,
// key=value and key:value.
func kernelTitle(s string) string {
	fields := strings.Fields(s)
	for i, f := range fields {
		if i > 2 && (strings.ContainsAny(f, "0123456789=…#") || strings.Contains(strings.TrimSuffix(f, ":"), ":")) {
			fields = fields[:i]
			break
		}
	}
	return Normalise(strings.Join(fields, " "))
}
