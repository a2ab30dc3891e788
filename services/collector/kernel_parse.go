package collector

import (
	"regexp"
	"strconv"
	"strings"

	"tocsin/pkg/events"
)

// kernelType is a class of report: the words of its title, its severity, the
// prefix its title gets.
type kernelType struct {
	name     string
	words    []string
	severity float64
}

// kernelTypes are tried in this order over the first lines of a report.
var kernelTypes = []kernelType{
	{"hung-task", []string{"blocked for more than", "INFO: task hung"}, 8},
	{"soft-lockup", []string{"soft lockup"}, 9},
	{"hard-lockup", []string{"hard LOCKUP"}, 9},
	{"rcu-stall", []string{"self-detected stall", "detected stalls", "detected expedited stalls"}, 9},
	{"kasan", []string{"KASAN", "kasan:"}, 9},
	{"kmsan", []string{"KMSAN"}, 8},
	{"kcsan", []string{"KCSAN"}, 6},
	{"kfence", []string{"KFENCE"}, 8},
	{"ubsan", []string{"UBSAN"}, 6},
	{"lockdep", []string{"possible circular locking", "possible recursive locking", "possible irq lock inversion", "inconsistent lock state", "suspicious RCU usage", "suspicious rcu", "bad unlock balance", "held lock freed", "still held", "invalid wait context", "possible deadlock"}, 6},
	{"oops", []string{"unable to handle", "Unable to handle", "general protection fault", "Oops", "kernel BUG at", "divide error", "divide_error", "invalid opcode", "double fault", "stack segment", "Internal error", "NULL pointer dereference", "bad area", "Unrecoverable exception"}, 9},
	{"panic", []string{"Kernel panic"}, 10},
	{"atomic-sleep", []string{"scheduling while atomic", "sleeping function called"}, 7},
	{"leak", []string{"unreferenced object", "memory leak", "kmemleak"}, 5},
	{"page-allocation", []string{"page allocation"}, 6},
	{"bug", []string{"BUG"}, 8},
	{"warning", []string{"WARNING"}, 6},
}

var (
	kernelCPU   = regexp.MustCompile(`\bCPU[:#]? ?(\d+)`)
	kernelPID   = regexp.MustCompile(`\bPID: (\d+)`)
	kernelComm  = regexp.MustCompile(`\bComm: (\S+)`)
	hungTask    = regexp.MustCompile(`INFO: task (.+):(\d+) blocked for more than (\d+) seconds`)
	lockupTask  = regexp.MustCompile(`CPU#(\d+) stuck for (\d+)s! \[(.+):(\d+)\]`)
	kernelTaint = regexp.MustCompile(`(Not tainted|Tainted: (?:\[\w\]=\w+(?:, )?|[A-Z] ?)+)`)
	kernelVer   = regexp.MustCompile(`(?:Not tainted|Tainted: [A-Z\[\]=_, ]+?)\s+(\d+\.\d+\S*)`)
	kernelReg   = regexp.MustCompile(`\b(R(?:AX|BX|CX|DX|SI|DI|BP|SP|\d\d)|E(?:AX|BX|CX|DX|SI|DI|BP|SP)|EFLAGS|CR\d|[CDEFGS]S|[xr]\d{1,2}|sp|lr|pc)\s*: ?([0-9a-f]{4,16}(?::[0-9a-f]+)?|0x[0-9a-f]+)\b`)
	kernelAt    = regexp.MustCompile(`(?:RIP: (?:\w+:)?|EIP: |pc : |PC is at |NIP \[[0-9a-f]+\] |epc : |at )(?:\[<[0-9a-f]+>\] (?:\[<[0-9a-f]+>\] )?)?\.?([A-Za-z_][\w.]*)\+0x`)
	hexNumber   = regexp.MustCompile(`\b(?:0x)?[0-9a-f]{8,16}\b`)
)

// kernelInfo is what the lines of a report tell.
type kernelInfo struct {
	kernel   *events.Kernel
	frames   []events.Frame
	severity float64
}

// parseKernel reads the lines of a report, stripped by kernelText.
func parseKernel(lines []string) kernelInfo {
	k := &events.Kernel{Registers: map[string]string{}}
	info := kernelInfo{kernel: k, severity: 6}
	var headline, guilty string
	for i, l := range lines {
		if headline == "" && !strings.Contains(l, "cut here") && strings.Trim(l, "= -") != "" {
			headline = strings.TrimSpace(l)
		}
		if m := kernelAt.FindStringSubmatch(l); m != nil && guilty == "" && (i < 8 || !strings.HasPrefix(l, " ")) {
			guilty = m[1]
		}
		readKernelLine(k, l)
	}
	if len(k.Registers) == 0 {
		k.Registers = nil
	}
	traces := readTraces(lines)
	if len(traces) == 0 { // KMSAN and KCSAN print the frames right behind the title
		traces = readTraces(append([]string{"Call Trace:"}, lines...))
	}
	if len(traces) > 0 {
		info.frames = traces[0].Frames
		k.Traces = traces[1:]
	}
	t := typeOf(lines)
	k.Type, info.severity = t.name, t.severity
	k.Title = kernelHeadline(k, headline, guilty, info.frames)
	return info
}

// typeOf judges by the first lines, where the title stands.
func typeOf(lines []string) kernelType {
	head := lines[:min(len(lines), 8)]
	for i, l := range head {
		if kernelTrace.MatchString(l) {
			head = head[:i]
			break
		}
	}
	text := strings.Join(head, "\n")
	for _, t := range kernelTypes {
		for _, w := range t.words {
			if strings.Contains(text, w) {
				return t
			}
		}
	}
	return kernelType{"report", nil, 7}
}

// readKernelLine notes what one line tells of CPU, task, taint, hardware, registers.
func readKernelLine(k *events.Kernel, l string) {
	if m := hungTask.FindStringSubmatch(l); m != nil {
		k.Comm, k.PID, k.BlockedFor = m[1], intPointer(m[2]), atoi(m[3])
	}
	if m := lockupTask.FindStringSubmatch(l); m != nil {
		k.CPU, k.BlockedFor, k.Comm, k.PID = intPointer(m[1]), atoi(m[2]), m[3], intPointer(m[4])
	}
	if m := kernelCPU.FindStringSubmatch(l); m != nil && k.CPU == nil {
		k.CPU = intPointer(m[1])
	}
	if m := kernelPID.FindStringSubmatch(l); m != nil && k.PID == nil {
		k.PID = intPointer(m[1])
	}
	if m := kernelComm.FindStringSubmatch(l); m != nil && k.Comm == "" {
		k.Comm = m[1]
	}
	if m := kernelTaint.FindStringSubmatch(l); m != nil && k.Tainted == "" {
		k.Tainted = strings.TrimSpace(m[1])
	}
	if m := kernelVer.FindStringSubmatch(l); m != nil && k.Version == "" {
		k.Version = m[1]
	}
	t := strings.TrimSpace(l)
	if rest, ok := strings.CutPrefix(t, "Hardware name: "); ok && k.Hardware == "" {
		k.Hardware = rest
	}
	if rest, ok := strings.CutPrefix(t, "Code: "); ok && k.Code == "" {
		k.Code = rest
	}
	if kernelLock.MatchString(t) && len(k.Locks) < 64 {
		k.Locks = append(k.Locks, t)
	}
	for _, m := range kernelReg.FindAllStringSubmatch(l, 8) {
		name := strings.ToUpper(m[1])
		if _, ok := k.Registers[name]; !ok && len(k.Registers) < 64 {
			k.Registers[name] = m[2]
		}
	}
}

var kernelLock = regexp.MustCompile(`^#\d+: `)

func intPointer(s string) *int {
	n := atoi(s)
	return &n
}

// kernelHeadline names the report: the kernel's own words without numbers of
// this one occasion, and the function.
func kernelHeadline(k *events.Kernel, headline, guilty string, frames []events.Frame) string {
	top := guilty
	if top == "" {
		for _, f := range frames {
			if !f.Unreliable && !reporting[f.Function] {
				top = f.Function
				break
			}
		}
	}
	in := func(s string) string {
		if top == "" || strings.Contains(s, " in "+top) {
			return s
		}
		return s + " in " + top
	}
	switch k.Type {
	case "hung-task":
		return "INFO: task " + orUnknown(k.Comm) + " blocked for more than " + strconv.Itoa(k.BlockedFor) + " seconds"
	case "soft-lockup":
		return in("BUG: soft lockup")
	case "hard-lockup":
		return in("hard LOCKUP")
	case "rcu-stall":
		return in("INFO: rcu detected stall")
	case "warning":
		return in("WARNING")
	}
	headline = hexNumber.ReplaceAllString(headline, "…")
	headline = shorten(headline, 200)
	if k.Type == "oops" || k.Type == "bug" || k.Type == "atomic-sleep" {
		return in(strings.TrimSuffix(headline, ":"))
	}
	return headline
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

// reporting are functions that report a fault, never its cause.
var reporting = map[string]bool{
	"dump_stack": true, "dump_stack_lvl": true, "__dump_stack": true, "show_stack": true, "dump_backtrace": true, "print_report": true, "kasan_report": true,
	"panic": true, "__warn": true, "report_bug": true, "handle_bug": true, "exc_invalid_op": true, "asm_exc_invalid_op": true, "warn_slowpath_fmt": true,
	"print_address_description": true, "print_circular_bug": true, "check_noncircular": true, "lock_acquire": true, "__lock_acquire": true,
	"__schedule": true, "schedule": true, "schedule_timeout": true, "io_schedule": true, "nmi_cpu_backtrace": true, "watchdog": true, "watchdog_timer_fn": true,
	"__might_sleep": true, "___might_sleep": true, "__might_resched": true, "warn_alloc": true, "__schedule_bug": true, "memcpy": true, "memset": true,
}

// readTraces gives the call traces in their order, top frame first.
func readTraces(lines []string) []events.Trace {
	var traces []events.Trace
	var cur *events.Trace
	total := 0
	for _, l := range lines {
		if kernelTrace.MatchString(l) {
			traces = append(traces, events.Trace{Title: strings.TrimSpace(l)})
			cur = &traces[len(traces)-1]
			if _, rest, ok := strings.Cut(l, "race:"); !ok || strings.TrimSpace(rest) == "" {
				continue
			}
			_, l, _ = strings.Cut(l, "race:")
		}
		if cur == nil {
			continue
		}
		m := kernelFrame.FindStringSubmatch(l)
		switch {
		case m != nil && total < maxFrames:
			total++
			cur.Frames = append(cur.Frames, events.Frame{
				Function: m[2], Offset: m[3], Size: m[4], Module: events.NullString(m[5]),
				Unreliable: m[1] != "" || strings.Contains(l, "(unreliable)"),
			})
		case m == nil && len(cur.Frames) > 0 && !kernelTag.MatchString(l) && !strings.Contains(l, "inlined") && !inlined.MatchString(l):
			cur = nil
		}
	}
	out := traces[:0]
	for _, t := range traces {
		if len(t.Frames) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// inlined is a frame of a symbolised trace that has no offset.
var inlined = regexp.MustCompile(`^\s+\??\s*[A-Za-z_][\w.]* (?:[\w./-]+\.[chS]:\d+|\[inline\])`)
