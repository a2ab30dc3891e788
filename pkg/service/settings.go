package service

import "time"

// Settings are all settings of Tocsin: this struct is the one table from which
// they are read, checked and documented (.env.example, docs/settings.md).
// Names and defaults of the original system are a contract.
//
// The tags: env and envDefault are the name and the default; doc and zh say in
// one sentence what the setting is for; group is the section of the
// documentation; by names the services that read it ("all"); original marks
// the settings of the original system, whose values may carry a comment in the
// environment too; secret marks values that are shown nowhere and may be read
// from the file that NAME_FILE names; empty:"off" keeps an empty value apart
// from an absent one; shown is the default as a reader is told it, where
// envDefault is not; example is the value of an uncommented line of .env.example,
// commented that of a commented one, where it is not envDefault.
type Settings struct {
	LogFilePaths string `env:"LOG_FILE_PATHS" group:"logs" by:"collector" original:"true" shown:"./testLog/* where that folder exists" example:"./testLog/*" doc:"Log files to follow: paths and globs, separated by commas." zh:"要跟踪的日志文件：路径或通配符，用逗号分隔。"`
	StartAt      string `env:"START_AT" envDefault:"beginning" group:"logs" by:"collector" doc:"Where reading begins in files that are there when a path is first followed: beginning, end, or a duration such as 24h." zh:"首次跟踪某路径时，已存在的文件从哪里读起：beginning、end，或一段时长（如 24h）。"`
	TZ           string `env:"TZ" group:"logs" by:"collector" shown:"the machine's" doc:"Time zone of log lines whose time names none, such as Asia/Shanghai." zh:"日志时间未标时区时所用的时区，例如 Asia/Shanghai。"`
	HostName     string `env:"HOST_NAME" group:"logs" by:"collector" shown:"the machine's" doc:"Host of events whose lines name none." zh:"日志行未写明主机时，事件所属的主机名。"`
	DataDir      string `env:"DATA_DIR" envDefault:"./data" group:"logs" by:"collector,indexer" doc:"Folder for everything that is kept: broker, store, offsets and keys." zh:"存放全部数据的目录：消息队列、存储、读取位置和密钥。"`

	NatsURL   string `env:"NATS_URL" group:"broker" by:"all" doc:"Address of the NATS server, such as nats://127.0.0.1:4222; empty, tocsin up runs a broker of its own." zh:"NATS 服务器地址，例如 nats://127.0.0.1:4222；留空时 tocsin up 自带消息队列。"`
	NatsCreds string `env:"NATS_CREDS" group:"broker" by:"all" doc:"Path of a NATS credentials file." zh:"NATS 凭据文件的路径。"`
	NatsToken string `env:"NATS_TOKEN" group:"broker" by:"all" secret:"true" doc:"Token for the NATS server." zh:"NATS 服务器的令牌。"`

	AIEnable      bool          `env:"AI_ENABLE" envDefault:"true" group:"ai" by:"analyzer" original:"true" doc:"Whether a language model is asked for the cause of a problem." zh:"是否请大模型分析问题的原因。"`
	AIAPIURL      string        `env:"AI_API_URL" envDefault:"https://api.openai.com/v1/chat/completions" group:"ai" by:"analyzer" original:"true" empty:"off" doc:"Address of an OpenAI-compatible API, full or its base; empty, no model is asked." zh:"兼容 OpenAI 的接口地址，完整地址或基址均可；留空则不调用模型。"`
	AIAPIKey      string        `env:"AI_API_KEY" group:"ai" by:"analyzer" original:"true" secret:"true" example:"" doc:"Key of that API; without one only an AI_API_URL of your own is asked." zh:"该接口的密钥；没有密钥时，只会调用你自己设置的 AI_API_URL。"`
	AIModelName   string        `env:"AI_MODEL_NAME" envDefault:"gpt-4o-mini" group:"ai" by:"analyzer" original:"true" doc:"Name of the model." zh:"模型名称。"`
	AILanguage    string        `env:"AI_LANGUAGE" envDefault:"auto" group:"ai" by:"analyzer" doc:"Language of the analysis: auto, or a language such as en or zh." zh:"分析所用的语言：auto，或 en、zh 等语言代码。"`
	AITimeout     time.Duration `env:"AI_TIMEOUT" envDefault:"120s" group:"ai" by:"analyzer" doc:"How long one answer of the model may take in all." zh:"模型一次回答的总时限。"`
	AIIdleTimeout time.Duration `env:"AI_IDLE_TIMEOUT" envDefault:"30s" group:"ai" by:"analyzer" doc:"How long the model may be silent in the middle of an answer." zh:"模型回答过程中允许的最长静默时间。"`
	AIMinSeverity float64       `env:"AI_MIN_SEVERITY" envDefault:"3" group:"ai" by:"analyzer" doc:"Severity (0 to 10) from which the model is asked." zh:"达到此严重度（0 到 10）才会请模型分析。"`
	AIMaxAge      time.Duration `env:"AI_MAX_AGE" envDefault:"1h" group:"ai" by:"analyzer" doc:"How long a problem may wait for the model before it goes on without an analysis." zh:"问题等待模型的最长时间，超过后不带分析继续流转。"`
	AIBacklogMax  int           `env:"AI_BACKLOG_MAX" envDefault:"20" group:"ai" by:"analyzer" doc:"How many problems of the lines that were there at the first start the model is asked about, worst first." zh:"首次启动时已有的日志中，最多请模型分析多少个问题（先分析最严重的）。"`

	AIWechatWebhook   string        `env:"AI_WECHAT_WEBHOOK" group:"alerts" by:"alerter" original:"true" secret:"true" example:"" doc:"Address of a WeCom group robot that is sent the alerts." zh:"接收告警的企业微信群机器人地址。"`
	EnableAlert       bool          `env:"ENABLE_ALERT" envDefault:"true" group:"alerts" by:"alerter" original:"true" doc:"Whether alerts are sent." zh:"是否发送告警。"`
	EnableES          bool          `env:"ENABLE_ES" envDefault:"true" group:"store" by:"indexer" original:"true" doc:"Whether events are stored." zh:"是否存储事件。"`
	EnableCellTrace   bool          `env:"ENABLE_CELL_TRACE" envDefault:"true" group:"logs" by:"collector" original:"true" doc:"Whether call traces of the Linux kernel are recognised." zh:"是否识别 Linux 内核的调用栈（Call Trace）。"`
	AttachBacklog     time.Duration `env:"ATTACH_BACKLOG" envDefault:"0" group:"broker" by:"up" shown:"0s" doc:"How far back a service starts that was switched off and is switched on again." zh:"曾关闭的服务重新开启时，从多久以前的消息开始处理。"`
	AlertTTL          time.Duration `env:"ALERT_TTL" envDefault:"5m" group:"alerts" by:"alerter" original:"true" doc:"Silence after which an alert is closed." zh:"问题静默多久后关闭其告警。"`
	AlertWaitAnalysis time.Duration `env:"ALERT_WAIT_ANALYSIS" envDefault:"15s" group:"alerts" by:"alerter" doc:"How long a first alert waits for the analysis that is on its way." zh:"首次告警最多等待分析结果多久。"`

	ESNodes string `env:"ES_NODES" group:"store" by:"indexer" original:"true" doc:"Addresses of Elasticsearch, separated by commas; empty, events are stored in SQLite in DATA_DIR." zh:"Elasticsearch 地址，用逗号分隔；留空则把事件存入 DATA_DIR 中的 SQLite。"`
	ESIndex string `env:"ES_INDEX" envDefault:"log-analysis" group:"store" by:"indexer" original:"true" doc:"Name with which the indices in Elasticsearch begin." zh:"Elasticsearch 索引名的前缀。"`

	MaskLevels string `env:"MASK_LEVELS" envDefault:"secrets,personal" group:"masking" by:"masker" doc:"What is masked: secrets, personal, network (addresses), separated by commas." zh:"脱敏范围：secrets（密钥口令）、personal（个人信息）、network（网络地址），用逗号分隔。"`
	MaskMode   string `env:"MASK_MODE" envDefault:"token" group:"masking" by:"masker" doc:"What stands for a masked value: token (the same value always gives the same token) or redact (only its kind)." zh:"脱敏后的形式：token（同一个值得到同一个代号）或 redact（只留类别）。"`
	MaskKey    string `env:"MASK_KEY" group:"masking" by:"masker" secret:"true" shown:"made once and kept" doc:"Key from which the tokens are made, the same for all maskers." zh:"生成代号所用的密钥，所有 masker 必须相同。"`

	MaxWorkers  int           `env:"MAX_WORKERS" envDefault:"10" group:"work" by:"masker,analyzer,indexer" original:"true" doc:"Messages that a masker, analyzer or indexer works on at once." zh:"masker、analyzer、indexer 各自同时处理的消息数。"`
	EventQuiet  time.Duration `env:"EVENT_QUIET" envDefault:"300ms" group:"logs" by:"collector" doc:"Silence that ends an event without a closing line." zh:"没有结束行的事件，静默多久后视为结束。"`
	RotatedWait time.Duration `env:"ROTATED_WAIT" envDefault:"10m" group:"logs" by:"collector" doc:"How long a renamed or deleted file is watched for late lines." zh:"文件被改名或删除后，继续等待迟到日志行的时间。"`

	MetricsHost string `env:"METRICS_HOST" group:"metrics" by:"all" shown:"all addresses" doc:"Address on which metrics and health are served." zh:"指标和健康检查监听的地址。"`
	// MetricsPort is -1 when unset: see Port.
	MetricsPort int `env:"METRICS_PORT" envDefault:"-1" group:"metrics" by:"all" original:"true" commented:"2112" shown:"2112 in up; collector 2112, masker 2113, analyzer 2114, indexer 2115, alerter 2116" doc:"Port of metrics and health, 0 for any free one; set, it counts for every process that reads it." zh:"指标和健康检查的端口，0 表示任意空闲端口；一旦设置，对读取它的每个进程都生效。"`

	RawKeep        time.Duration `env:"RAW_KEEP" envDefault:"0" group:"broker" by:"masker" shown:"0s" doc:"How long unmasked events are kept for a replay after they were masked." zh:"未脱敏的事件在脱敏后为重放保留多久。"`
	EventsKeep     time.Duration `env:"EVENTS_KEEP" envDefault:"168h" group:"broker" by:"masker" doc:"How long masked events are kept for a replay." zh:"已脱敏的事件为重放保留多久。"`
	RawMaxBytes    Bytes         `env:"RAW_MAX_BYTES" envDefault:"1GiB" group:"broker" by:"up" doc:"Room for unmasked events; when it is full, reading stops and nothing is dropped." zh:"未脱敏事件的空间上限；写满后暂停读取，不丢弃任何数据。"`
	EventsMaxBytes Bytes         `env:"EVENTS_MAX_BYTES" envDefault:"8GiB" group:"broker" by:"up" doc:"Room for masked events; both together never take over half of the free disk." zh:"已脱敏事件的空间上限；两者合计不超过可用磁盘的一半。"`

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info" group:"log" by:"all" original:"true" doc:"What the own log on stderr tells: debug, info, warn or error." zh:"程序自身日志（stderr）的级别：debug、info、warn 或 error。"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"text" group:"log" by:"all" doc:"Form of the own log: text or json." zh:"程序自身日志的格式：text 或 json。"`

	warnings []string
}

// Warnings tells what was found odd while the settings were read and should be
// logged once, such as placeholders that were taken as empty.
func (s Settings) Warnings() []string { return s.warnings }
