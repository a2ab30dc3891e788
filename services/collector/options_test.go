package collector

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestOptionsValidate(t *testing.T) {
	ok := Options{Paths: []string{"a"}, DataDir: t.TempDir(), EventQuiet: 1, Publisher: &broker{}, Registry: prometheus.NewRegistry(), Log: slog.Default()}
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Paths = nil }, "LOG_FILE_PATHS is empty"},
		{func(o *Options) { o.Paths = []string{"[a"} }, "LOG_FILE_PATHS: \"[a\" is no glob"},
		{func(o *Options) { o.DataDir = "" }, "DATA_DIR is empty"},
		{func(o *Options) { o.Publisher = nil }, "needs a publisher"},
		{func(o *Options) { o.Log = nil }, "needs a registry and a log"},
		{func(o *Options) { o.EventQuiet = 0 }, "EVENT_QUIET is 0s"},
		{func(o *Options) { o.RotatedWait = -1 }, "ROTATED_WAIT is -1ns"},
		{func(o *Options) { o.StartAt = "noon" }, "START_AT is \"noon\""},
	} {
		o := ok
		c.change(&o)
		if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want it to hold %q", err, c.want)
		}
	}
}
