package fingerprint

import "strings"

// month tells the name of a month or a day in a date.
func (n *normaliser) month(w string, end int) bool {
	if len(w) != 3 || end+1 >= len(n.in) {
		return false
	}
	switch w {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		rest := strings.TrimLeft(n.in[end:], " /-")
		return rest != "" && isDigit(rest[0])
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		rest := strings.TrimLeft(n.in[end:], " ,")
		return len(rest) > 4 && rest[3] == ' ' && strings.Contains("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", rest[:3])
	}
	return false
}

// keepsNumber tells the numbers that decide the meaning: exit code 137, status
// 500, signal 11, errno=13, HTTP/1.1" 502.
func (n *normaliser) keepsNumber(a string, start, end int) bool {
	if len(a) > 5 || !allDigits(a) || n.lastEnd < 0 || n.last == "" || start-n.lastEnd > 4 || !decidesNumber(n.last, n.prev) {
		return false
	}
	if end+1 < len(n.in) && strings.IndexByte(".:,/", n.in[end]) >= 0 && isDigit(n.in[end+1]) {
		return false
	}
	// Between the word and its number stand only blanks and marks.
	return strings.Trim(n.in[n.lastEnd:start], " =:(\"'#-[") == ""
}

// decidesNumber tells the words whose number says what happened.
func decidesNumber(last, prev string) bool {
	if len(last) > 16 {
		return false
	}
	switch strings.ToLower(last) {
	case "status", "code", "exit", "exited", "signal", "errno", "error", "err", "http", "rc", "ret", "retcode", "returned", "sig",
		"exit_code", "exitcode", "status_code", "statuscode", "http_status", "error_code", "errorcode", "errcode", "sqlstate", "oserror":
		return true
	case "with":
		switch strings.ToLower(prev) {
		case "exited", "exit", "failed", "terminated", "returned", "died", "error":
			return true
		}
	}
	return false
}

// decides tells the keys whose value, a word or a number, says what happened.
func decides(key string) bool {
	if key == "" || len(key) > 16 {
		return false
	}
	if decidesNumber(key, "") {
		return true
	}
	switch strings.ToLower(key) {
	case "state", "result", "level", "lvl", "severity", "reason", "msg", "message", "event", "cause", "exception", "error_class", "action", "op", "operation", "method", "phase", "type":
		return true
	}
	return false
}

// isPart tells the words in front of the quoted name of what failed.
func isPart(w string) bool {
	switch w {
	case "service", "unit", "command", "module", "function", "method", "option":
		return true
	}
	return false
}

// isHolder tells the words in front of the name of somebody.
func isHolder(w string) bool {
	switch w {
	case "user", "username", "account", "client", "host", "session":
		return true
	}
	return false
}

// introduces tells the words in front of a holder that is followed by a name.
func introduces(w string) bool {
	switch strings.ToLower(w) {
	case "for", "by", "from", "to", "of", "as", "invalid", "illegal", "unknown":
		return true
	}
	return false
}

func isLevel(w string) bool {
	if len(w) == 1 {
		return true
	}
	switch w {
	case "INFO", "WARN", "WARNING", "ERROR", "DEBUG", "TRACE", "FATAL", "NOTICE", "CRITICAL", "SEVERE", "Info", "Warning", "Error", "info", "warn", "warning", "error", "debug", "notice":
		return true
	}
	return false
}

// isUnit tells units of size, time and rate.
func isUnit(w string) bool {
	if w == "" || len(w) > 12 {
		return false
	}
	switch w {
	case "B", "KB", "MB", "GB", "TB", "kB", "KiB", "MiB", "GiB", "TiB", "byte", "bytes", "Bytes", "kbps", "Mbps",
		"ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "msec", "msecs", "usec", "usecs", "millis", "milliseconds",
		"min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "day", "days", "percent":
		return true
	}
	return false
}

func isException(last string) bool {
	for _, suffix := range []string{"Exception", "Error", "Throwable", "Failure", "Fault"} {
		if strings.HasSuffix(last, suffix) {
			return true
		}
	}
	return false
}

// isDomain tells the ends of host names: top-level domains (but those that are
// words of settings as well, such as id and name) and names of private networks.
func isDomain(last string) bool {
	switch last {
	case "com", "net", "org", "edu", "gov", "mil", "biz", "io", "cloud", "asia", "mobi", "travel", "xyz", "arpa", "local", "localdomain", "internal", "lan", "corp", "intra",
		"ae", "ar", "at", "au", "be", "bg", "br", "by", "ca", "cc", "ch", "cl", "cn", "co", "cz", "de", "dk", "ee", "eg", "es", "eu", "fi", "fr", "gr", "hk", "hr", "hu", "ie", "il", "in", "ir", "it",
		"jp", "ke", "kr", "kz", "lt", "lu", "lv", "ma", "mx", "ng", "nl", "nz", "pe", "ph", "pk", "pl", "pt", "ro", "rs", "ru", "sa", "se", "sg", "si", "sk", "th", "tr", "tv", "tw", "ua", "uk", "us", "uy", "uz", "vn", "za":
		return true
	}
	return false
}

func isFileType(last string) bool {
	switch last {
	case "log", "txt", "out", "tmp", "lock", "pid", "sock", "conf", "cfg", "ini", "json", "xml", "yaml", "yml", "properties", "csv", "db", "sqlite", "dat", "bin", "img", "iso",
		"gz", "bz", "xz", "zip", "tar", "tgz", "zst", "jar", "war", "so", "dll", "exe", "sys", "ko", "sh", "bat", "html", "htm", "php", "css", "png", "jpg", "jpeg", "gif", "pdf",
		"bak", "old", "swp", "pem", "crt", "key":
		return true
	}
	return false
}

// sourceFile tells the files of a program's source: they say where it happened.
func sourceFile(a string) bool {
	i := strings.LastIndexByte(a, '.')
	if i <= 0 {
		return false
	}
	switch a[i+1:] {
	case "c", "h", "cc", "cpp", "cxx", "hpp", "go", "py", "java", "kt", "scala", "js", "ts", "rs", "rb", "cs", "swift", "pl", "erl", "ex", "dart", "lua":
		return true
	}
	return false
}

// errorCode tells names such as ORA-00942 and MY-010055.
func errorCode(a string) bool {
	name, number, found := strings.Cut(a, "-")
	if !found || len(name) < 2 || len(name) > 6 || len(number) < 3 || len(number) > 6 || !allDigits(number) {
		return false
	}
	for i := range len(name) {
		if !isUpper(name[i]) {
			return false
		}
	}
	return true
}

// device tells the names of disks, partitions, network interfaces and ports.
func device(w string) bool {
	if len(w) > 14 || !isLower(w[0]) {
		return false
	}
	for _, p := range []string{"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "loop", "dm-", "md", "sr", "eth", "en", "wlan", "wlp", "bond", "tty", "ata", "ib", "usb", "lo"} {
		if rest, ok := strings.CutPrefix(w, p); ok && len(rest) <= 8 && deviceRest(p, rest) {
			return true
		}
	}
	return false
}

func deviceRest(prefix, rest string) bool {
	letters := 0
	for letters < len(rest) && isLetter(rest[letters]) {
		letters++
	}
	switch prefix {
	case "sd", "hd", "vd", "xvd": // sda1
		return letters >= 1 && letters <= 2 && allDigits(rest[letters:])
	case "nvme", "mmcblk", "en", "wlp": // nvme0n1p1, enp0s3
		return strings.Trim(rest, "0123456789npsfox") == ""
	case "tty": // ttyS0
		return allDigits(strings.TrimLeft(rest, "SUBA"))
	}
	return allDigits(rest) && len(rest) <= 3
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
