package collector

import (
	"regexp"
	"strings"
)

// kernelText strips what consoles and loggers put before a kernel line: the
// priority, syslog's header, the times of dmesg, the caller. It tells whether
// there was anything of that.
func kernelText(s string) (string, bool) {
	found := false
	if i := strings.Index(s[:min(len(s), 120)], " kernel: "); i >= 0 {
		s, found = s[i+len(" kernel: "):], true
	}
	if i := strings.Index(s[:min(len(s), 60)], " login: ["); i >= 0 { // a serial console
		s, found = s[i+len(" login: "):], true
	}
	if strings.HasPrefix(s, "kern") || strings.HasPrefix(s, "user") {
		if m := dmesgFacility.FindString(s); m != "" {
			s, found = s[len(m):], true
		}
	}
	for len(s) > 2 {
		if s[0] == '<' && s[1] >= '0' && s[1] <= '7' && s[2] == '>' { // facility kern
			s, found = s[3:], true
			continue
		}
		if s[0] != '[' {
			break
		}
		m := kernelBracket.FindString(s[:min(len(s), 64)])
		if m == "" {
			break
		}
		s, found = s[len(m):], true
	}
	return s, found
}

var (
	dmesgFacility = regexp.MustCompile(`^(?:kern|user)\s*:\w+\s*: ?`)
	// kernelBracket is "[   12.345678] ", "[ C0] ", "[T1234] " or the time of
	// dmesg -T.
	kernelBracket = regexp.MustCompile(`^\[(?:\s*\d+\.\d{3,}|\s*[CT]\d+|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] ?`)
)

// kernelTitle is a line that begins a report of the Linux kernel.
var kernelTitle = regexp.MustCompile(`^(?:\s*-+\[ cut here \]-+|={20,}\s*$` +
	`|BUG: |kernel BUG at |WARNING: (?:CPU: |at |possible |suspicious |inconsistent |bad unlock|held lock|lock held|nested lock|.*\.[chS]:\d+)|WARNING in ` +
	`|(?:watchdog: |NMI watchdog: )?(?:BUG: soft lockup|Watchdog detected hard LOCKUP|.*self-detected stall on CPU)` +
	`|(?:kernel: )?(?:Unable to handle kernel |unable to handle kernel |Internal error: |Unhandled fault|Unexpected kernel BRK|Kernel access of bad area|Kernel unaligned access)` +
	`|(?:stack segment|double fault|general protection fault|divide[ _]error|invalid opcode|int3|bad mode in|bounds|traps: PANIC)\b.*(?:\[#\d+\]|0000|:)` +
	`|Oops(?:\s*[:#\[]| -)|Kernel panic - not syncing` +
	`|INFO: (?:task .*(?:blocked|hung) |rcu_\w+ |possible |suspicious |inconsistent |lockdep |NMI handler|trying to register)` +
	`|rcu: INFO: |\[ (?:BUG|INFO): |kasan: |KASAN: |UBSAN: |KFENCE: |unreferenced object 0x` +
	`|[\w./-]+: page allocation (?:failure|stall)|kmemleak: |invalid wait context|Bad page |PANIC: double fault|Unrecoverable exception|Machine check in kernel)`)

// strongTitle is a title that no application writes.
var strongTitle = regexp.MustCompile(`BUG: (?:soft lockup|KASAN|KMSAN|KCSAN|KFENCE|unable to handle|kernel NULL|scheduling while|sleeping function|spinlock|workqueue|Bad page|using |corrupted|stack guard|TASK stack|non-zero|MAX_)|Watchdog detected hard LOCKUP|Kernel panic - not syncing|INFO: task .* blocked for more than|self-detected stall|detected (?:expedited )?stalls|kernel BUG at|WARNING: possible (?:circular|recursive)|WARNING: suspicious RCU|unable to handle kernel|Unable to handle kernel|WARNING: CPU: \d+ PID: \d+|UBSAN: |page allocation failure: order|\[ cut here \]`)

var (
	kernelTrace = regexp.MustCompile(`^\s*(?:C(?:all|ell) [Tt]race:|[Bb]acktrace:|stack backtrace:|Call trace:)`)
	kernelFrame = regexp.MustCompile(`^\s*(?:<\w+>\s*)?(?:\[<?[0-9a-f]+>?\]\s*){0,2}(\? )?\.?([A-Za-z_][\w.$]*)\+(0x[0-9a-f]+)/(0x[0-9a-f]+)(?:\s+\[([\w-]+)[^\]]*\])?`)
	armFrame    = regexp.MustCompile(`^\s*(?:\[<[0-9a-f]+>\] \(([\w.$]+)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?\) from |[\w.$]+ from )`)
	kernelTag   = regexp.MustCompile(`^\s*</?(?:TASK|IRQ|NMI|SOFTIRQ|EOI|#DF|#DB|EXCEPTION|ENTRY_TRAMPOLINE)\d*>`)
	// kernelMore is a line that only reports have.
	kernelMore = regexp.MustCompile(`^\s*(?:` + strings.Join([]string{
		`CPU: \d+`, `PID: \d+`, `Hardware name:`, `Workqueue:`, `Tainted:`, `(?:Not t|T)ainted`, `"echo 0 >`, `task:\S`, `Modules linked in:`, `\[last unloaded:`, `(?:RIP|EIP|NIP|pc|PC|lr|LR|LC|epc|sp|ra)\s*[:=(]`,
		`(?:RSP|RAX|RBX|RDX|RBP|RDI|R[0-9]{1,2}|EAX|EBX|ESI|ESP|EFLAGS|FS|CS|DS|ES|CR[0-9]|DR[0-9]|PKRU|GPR\d\d|XER|MSR|DAR|CFAR|REGS)\b[ :=]`,
		`[xr]\d{1,2}\s*:`, `\$ ?\d+\s*:`, `(?:a|t|s|gp|tp)\d*\s*: [0-9a-f]{8,}`, `Code:`, `Stack:`, `Flags:`, `pstate:`, `psr\s*:`, `Process `, `Krnl (?:PSW|GPRS|Code)`, `Last Breaking`, `INITIAL|Instruction dump:`,
		`#PF:`, `PGD `, `pgd = `, `\*pgd=`, `swapper pgtable`, `Mem abort info`, `Data abort info`, `Oops`, `SMP\b`, `PREEMPT`, `BE SMP`, `LE `, `general protection`, `KASAN: `, `kasan: `,
		`irq event stamp`, `hardirqs last`, `softirqs last`, `(?:\d+|no) locks? held by`, `#\d+: `, `other info that`, `Possible unsafe`, `Chain exists of`, `stack backtrace`, `\*\*\* DEADLOCK`, `which lock already depends`,
		`the existing dependency`, `but task is already`, `is trying to acquire`, `-> #\d+`, `lock\(`, `CPU0\s+CPU1`, `-{4}`, `Allocated by`, `Freed by`, `Last potentially`, `The buggy`, `Memory state`, `(?:Read|Write|Access) (?:of size|at addr)`,
		`raw: `, `page dumped`, `page:`, `flags: `, `>?[0-9a-f]{8,16}: [0-9a-f]{2}`, `\^`, `The existing`, `comm "`, `backtrace`, `hex dump`, `Showing all locks`, `Call Trace`, `rcu: `, `\(detected by`, `\(t=\d+`, `Sending NMI`, `NMI backtrace`,
		`Exception RIP`, `Kernel Offset`, `Rebooting in`, `Dumping ftrace`, `Mem-Info`, `Node \d`, `DMA`, `Normal`, `={10,}`, `note: `, `Unable to handle`, `\[[0-9a-f]+\] (?:pgd|pte)`, `[0-9a-f]{4,16} (?:[0-9a-f]{4,16} ?)+`,
	}, "|") + `)`)
)

// kernelEnd is the mark that ends a report.
const kernelEnd = "---[ end "

// Limits of a report that has no closing line.
const (
	maxKernelStray   = 12
	maxKernelPending = 40
)

// kernelBlock follows one report of the kernel, fed with the text behind
// kernelText.
type kernelBlock struct {
	// sure tells that it is a report, not an application's line of like words.
	sure bool
	// ruled tells that it began with a line of equals signs.
	ruled bool
	// traced tells that frames have been seen, ended that the end mark was.
	traced, inTrace, ended bool
	// taskEnd tells that the last section mark closed the task's.
	taskEnd bool
	// stray counts lines in a row that reports do not have, pending those that
	// wait for the report to be sure.
	stray, pending int
}

func newKernelBlock(title string, kernelLine bool) *kernelBlock {
	b := &kernelBlock{ruled: strings.HasPrefix(title, "=")}
	b.sure = strongTitle.MatchString(title) && !b.ruled
	if kernelLine && !b.ruled && !strings.Contains(title, "WARNING: ") && !strings.HasPrefix(title, "kmemleak") {
		b.sure = true
	}
	return b
}

func (b *kernelBlock) certain() bool { return b.sure }

func (b *kernelBlock) add(text string) verdict {
	if b.ended {
		return b.afterEnd(text)
	}
	switch {
	case strings.Contains(text, kernelEnd):
		b.sure, b.ended = true, true
		if strings.Contains(text, "Kernel panic") {
			return closes
		}
		return belongs
	case kernelTitle.MatchString(text):
		return b.title(text)
	case kernelTrace.MatchString(text):
		b.sure, b.inTrace, b.taskEnd = true, true, false
		b.stray = 0
		return belongs
	case kernelFrame.MatchString(text) || armFrame.MatchString(text):
		b.traced, b.stray = true, 0
		b.sure = b.sure || b.inTrace
		return b.known()
	case kernelTag.MatchString(text):
		b.taskEnd = strings.Contains(text, "</TASK>")
		b.stray = 0
		return b.known()
	case kernelMore.MatchString(text):
		b.stray = 0
		if strings.Contains(text, "CPU: ") && strings.Contains(text, "PID: ") {
			b.sure = true
		}
		return b.known()
	}
	b.stray++
	if b.stray > maxKernelStray || b.taskEnd && b.stray > 3 {
		return outside
	}
	return perhaps
}

// known is the verdict on a line that reports have: certain once the report is.
func (b *kernelBlock) known() verdict {
	if b.sure {
		return belongs
	}
	if b.pending++; b.pending > maxKernelPending {
		return outside
	}
	return perhaps
}

// title decides on another title line: before the trace it is part of this
// report, behind it the begin of the next, but for the words in which an oops
// goes on.
func (b *kernelBlock) title(text string) verdict {
	rule := strings.HasPrefix(text, "=")
	goesOn := strings.HasPrefix(text, "Kernel panic - not syncing") || strings.HasPrefix(text, "KASAN: ") || strings.HasPrefix(text, "Oops") || rule && !b.taskEnd
	if b.traced && !goesOn {
		return outside
	}
	if rule && !b.sure {
		return outside // two rulers in a row are no report's
	}
	if !rule && (b.ruled || !strings.HasPrefix(text, "WARNING: ") || strongTitle.MatchString(text)) {
		b.sure = true // a compiler's warning follows another one, never a ruler
	}
	b.stray = 0
	return b.known()
}

// afterEnd takes what the kernel prints behind its end mark: the registers once
// more, and the panic that an oops leads to.
func (b *kernelBlock) afterEnd(text string) verdict {
	switch {
	case strings.Contains(text, kernelEnd), strings.HasPrefix(text, "Kernel panic - not syncing: Fatal"),
		strings.HasPrefix(text, "Kernel Offset:"), kernelRegister.MatchString(text):
		b.stray = 0
		return belongs
	}
	if b.stray++; b.stray > 3 {
		return outside
	}
	return perhaps
}

var kernelRegister = regexp.MustCompile(`^\s*(?:(?:RIP|EIP|NIP|pc|RSP|RAX|RBX|RDX|RBP|R\d\d|EAX|ESI|DS|FS|CS|CR2|DR\d|PKRU|Code)\s*:|Modules linked in)`)

// oomBlock follows an OOM kill with its tables.
type oomBlock struct{ stray, lines int }

func (b *oomBlock) certain() bool { return false }

func (b *oomBlock) add(text string) verdict {
	b.lines++
	switch {
	case strings.Contains(text, "invoked oom-killer"), b.lines > 2000:
		return outside
	case strings.Contains(text, "ut of memory: Kill"):
		return closes
	case kernelFrame.MatchString(text), kernelMore.MatchString(text), kernelTag.MatchString(text), oomLine.MatchString(text):
		b.stray = 0
		return belongs
	}
	if b.stray++; b.stray > maxKernelStray {
		return outside
	}
	return perhaps
}

var oomLine = regexp.MustCompile(`(?i)^\s*(?:mem-info|active_anon|inactive|node \d|\w+: (?:\d+\*|free)|lowmem|\d+ (?:total|pages|reserved)|free swap|total swap|swap cache|tasks state|\[\s*\d+\]|\[\s*pid|oom-kill:|memory: usage|swap: usage|kmem: |memory cgroup|unreclaimable|call trace|cpu: |hwpoisoned|cache: |anon |file )`)
