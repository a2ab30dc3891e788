package collector

import (
	"time"

	"tocsin/rules"
)

// env is what the assemblers of all files share; it never changes.
type env struct {
	recogniser Recogniser
	host       string
	location   *time.Location
	cellTrace  bool
	// maxBefore is the most lines of context before an event.
	maxBefore int
	// ruleCount is the number of rules.
	ruleCount int
	now       func() time.Time
}

// newEnv reads the built-in rules.
func newEnv(host string, loc *time.Location, cellTrace bool, now func() time.Time) (*env, error) {
	list, err := rules.Load(rules.FS)
	if err != nil {
		return nil, err
	}
	r, err := newRecogniser(list)
	if err != nil {
		return nil, err
	}
	return &env{recogniser: r, host: host, location: loc, cellTrace: cellTrace, now: now,
		maxBefore: max(r.maxBefore, defaultContext), ruleCount: len(list)}, nil
}
