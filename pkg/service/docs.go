package service

import (
	"fmt"
	"strings"
)

//go:generate go run ./gensettings

// group is a section of the documentation.
type group struct{ key, title, zh string }

func groups() []group {
	return []group{
		{"logs", "Log files and events", "日志文件与事件"},
		{"masking", "Masking", "脱敏"},
		{"ai", "Language model", "大模型"},
		{"alerts", "Alerts", "告警"},
		{"store", "Store", "存储"},
		{"broker", "Broker", "消息队列"},
		{"work", "Work", "并发"},
		{"metrics", "Metrics and health", "指标与健康检查"},
		{"log", "Own log", "自身日志"},
	}
}

// EnvExample gives the content of .env.example: the settings of the original
// system first, then the others by group.
func EnvExample() string {
	var b strings.Builder
	b.WriteString(`# Settings of Tocsin. Copy this file to .env and fill in what you need: a
# variable of the environment wins over .env, a line left out or commented has
# the default shown here. A value ends at a blank followed by # or //, unless it
# stands in quotes. A secret may also be read from a file: NAME_FILE=/its/path.
# More in docs/settings.md. Written by "go generate ./pkg/service".
`)
	for _, row := range table() {
		if row.original {
			writeExample(&b, row)
		}
	}
	for _, g := range groups() {
		title := "\n# --- " + g.title + " ---\n"
		for _, row := range table() {
			if row.original || row.group != g.key {
				continue
			}
			b.WriteString(title)
			title = ""
			writeExample(&b, row)
		}
	}
	return b.String()
}

func writeExample(b *strings.Builder, row setting) {
	mark := ""
	if row.commented {
		mark = "# "
	}
	fmt.Fprintf(b, "\n# %s\n%s%s=%s\n", row.doc, mark, row.name, row.example)
}

// SettingsPage gives the content of docs/settings.md: every setting with its
// default, in English and Chinese.
func SettingsPage() string {
	var b strings.Builder
	b.WriteString(`# Settings 设置

<!-- Written by "go generate ./pkg/service" from pkg/service/settings.go. -->

Every process reads its settings from the environment first, then from the file .env in its working directory, then takes the default.
每个进程先读环境变量，再读工作目录下的 .env 文件，最后取默认值。

- A line of .env is ` + "`NAME=value` or `export NAME=value`" + `. Outside quotes the value ends at the first blank that is followed by ` + "`#` or `//`" + `; an address such as ` + "`https://host/#part`" + ` stays whole.
  The same holds for the settings marked ° when they stand in the environment, because ` + "`docker run --env-file`" + ` passes comments on. Variables in a value are not expanded.
  引号之外，值在第一个后面跟着 ` + "`#` 或 `//`" + ` 的空白处结束；标 ° 的设置在环境变量中也是如此。值里的变量不会展开。
- A placeholder (` + "`your_…`, `changeme`, `key=your_…`" + ` in an address) counts as empty; a warning says so once. 占位值视为空，并提示一次。
- A setting marked * is a secret: it is shown nowhere, and may be read from the file that NAME_FILE names. 标 * 的是密钥：不会出现在任何输出中，也可以用 NAME_FILE 指定存放它的文件。
- Wrong values are all reported at once, each with what would be right; the process ends with exit code 2. 所有错误的值会一次全部报告，进程以退出码 2 结束。
- A duration is a number with a unit, such as 300ms, 15s, 5m or 168h; a size has B, KB, MB, GB, TB or KiB, MiB, GiB, TiB. 时长如 300ms、15s、5m、168h；大小的单位为 B、KB、MB、GB、TB 或 KiB、MiB、GiB、TiB。
`)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n## %s %s\n\n| setting 设置 | default 默认值 | meaning | 说明 |\n|---|---|---|---|\n", g.title, g.zh)
		for _, row := range table() {
			if row.group == g.key {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markedName(row), cell(row.shown), cell(row.doc), cell(row.zh))
			}
		}
	}
	return b.String()
}

func markedName(row setting) string {
	name := "`" + row.name + "`"
	if row.original {
		name += " °"
	}
	if row.secret {
		name += " *"
	}
	return name
}

// cell gives a text as it may stand in a table.
func cell(text string) string {
	if text == "" {
		return "–"
	}
	return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(text)
}
