package service

import "time"

// Settings are all settings of Tocsin: this struct is the one table from which
// they are read, checked and documented (.env.example, docs/settings.md).
// Names and defaults of the original system are a contract.
type Settings struct {
	LogFilePaths string `env:"LOG_FILE_PATHS"`
	StartAt      string `env:"START_AT" envDefault:"beginning"`
	TZ           string `env:"TZ"`
	HostName     string `env:"HOST_NAME"`
	DataDir      string `env:"DATA_DIR" envDefault:"./data"`

	NatsURL   string `env:"NATS_URL"`
	NatsCreds string `env:"NATS_CREDS"`
	NatsToken string `env:"NATS_TOKEN"`

	AIEnable      bool          `env:"AI_ENABLE" envDefault:"true"`
	AIAPIURL      string        `env:"AI_API_URL" envDefault:"https://api.openai.com/v1/chat/completions"`
	AIAPIKey      string        `env:"AI_API_KEY"`
	AIModelName   string        `env:"AI_MODEL_NAME" envDefault:"gpt-4o-mini"`
	AILanguage    string        `env:"AI_LANGUAGE" envDefault:"auto"`
	AITimeout     time.Duration `env:"AI_TIMEOUT" envDefault:"120s"`
	AIIdleTimeout time.Duration `env:"AI_IDLE_TIMEOUT" envDefault:"30s"`
	AIMinSeverity float64       `env:"AI_MIN_SEVERITY" envDefault:"3"`
	AIMaxAge      time.Duration `env:"AI_MAX_AGE" envDefault:"1h"`
	AIBacklogMax  int           `env:"AI_BACKLOG_MAX" envDefault:"20"`

	AIWechatWebhook   string        `env:"AI_WECHAT_WEBHOOK"`
	EnableAlert       bool          `env:"ENABLE_ALERT" envDefault:"true"`
	EnableES          bool          `env:"ENABLE_ES" envDefault:"true"`
	EnableCellTrace   bool          `env:"ENABLE_CELL_TRACE" envDefault:"true"`
	AttachBacklog     time.Duration `env:"ATTACH_BACKLOG" envDefault:"0"`
	AlertTTL          time.Duration `env:"ALERT_TTL" envDefault:"5m"`
	AlertWaitAnalysis time.Duration `env:"ALERT_WAIT_ANALYSIS" envDefault:"15s"`

	ESNodes string `env:"ES_NODES"`
	ESIndex string `env:"ES_INDEX" envDefault:"log-analysis"`

	MaskLevels string `env:"MASK_LEVELS" envDefault:"secrets,personal"`
	MaskMode   string `env:"MASK_MODE" envDefault:"token"`
	MaskKey    string `env:"MASK_KEY"`

	MaxWorkers  int           `env:"MAX_WORKERS" envDefault:"10"`
	EventQuiet  time.Duration `env:"EVENT_QUIET" envDefault:"300ms"`
	RotatedWait time.Duration `env:"ROTATED_WAIT" envDefault:"10m"`

	MetricsHost string `env:"METRICS_HOST"`
	// MetricsPort is -1 when unset: 2112 in up, the service's own otherwise.
	MetricsPort int `env:"METRICS_PORT" envDefault:"-1"`

	RawKeep        time.Duration `env:"RAW_KEEP" envDefault:"0"`
	EventsKeep     time.Duration `env:"EVENTS_KEEP" envDefault:"168h"`
	RawMaxBytes    Bytes         `env:"RAW_MAX_BYTES" envDefault:"1GiB"`
	EventsMaxBytes Bytes         `env:"EVENTS_MAX_BYTES" envDefault:"8GiB"`

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"text"`
}

// Bytes is a size: a number with an optional unit B, KB, MB, GB, TB (powers of
// 1,000), KiB, MiB, GiB or TiB (powers of 1,024).
type Bytes int64
