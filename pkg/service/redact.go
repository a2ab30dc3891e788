package service

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// redacted stands where a secret was.
const redacted = "‹redacted›"

// minSecret is the length in bytes below which a value is not looked for: it
// would be found everywhere and is no secret.
const minSecret = 4

// Redactor replaces the secret values of the settings in everything that is
// logged or shown. It may be used by many goroutines.
type Redactor struct {
	mu       sync.Mutex // one Add at a time
	secrets  []string
	replacer atomic.Pointer[strings.Replacer]
}

// NewRedactor makes a Redactor that knows the secrets among the settings: the
// values of the secret ones, and names, passwords and keys inside addresses.
func NewRedactor(s Settings) *Redactor {
	r := &Redactor{}
	r.replacer.Store(strings.NewReplacer())
	r.Add(s.secrets()...)
	return r
}

// Add makes further values secret. Values below four bytes are left alone.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) >= minSecret {
			r.secrets = append(r.secrets, spellings(secret)...)
		}
	}
	// Of two secrets that start alike the longer one must win.
	slices.SortFunc(r.secrets, func(a, b string) int {
		if n := len(b) - len(a); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	r.secrets = slices.Compact(r.secrets)
	pairs := make([]string, 0, 2*len(r.secrets))
	for _, secret := range r.secrets {
		pairs = append(pairs, secret, redacted)
	}
	r.replacer.Store(strings.NewReplacer(pairs...))
}

// String gives the text without secrets.
func (r *Redactor) String(text string) string { return r.replacer.Load().Replace(text) }

// Writer gives a writer that passes on everything without secrets. A secret
// that is split over two writes is not seen: slog writes whole lines.
func (r *Redactor) Writer(w io.Writer) io.Writer { return redactingWriter{r, w} }

type redactingWriter struct {
	r *Redactor
	w io.Writer
}

func (w redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, w.r.String(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// spellings gives a secret as it stands in plain text, in quotes, in JSON and
// in an address.
func spellings(secret string) []string {
	quoted := strconv.Quote(secret)
	all := []string{secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret)}
	for _, html := range []bool{false, true} {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(html)
		if enc.Encode(secret) == nil {
			text := strings.TrimSuffix(buf.String(), "\n")
			all = append(all, text[1:len(text)-1])
		}
	}
	return all
}

var (
	// urlUser is the name and password in an address.
	urlUser = regexp.MustCompile(`//([^/?#\s]*)@`)
	// urlKey is a value in an address whose name tells that it is a secret.
	urlKey = regexp.MustCompile(`(?i)[?&][^=&\s]*(?:key|token|secret|password|sign)=([^&#\s]+)`)
)

// urlSecrets gives the secrets inside an address, or several separated by
// commas, even malformed ones.
func urlSecrets(address string) []string {
	var secrets []string
	if strings.Contains(address, ",") {
		for _, one := range list(address) {
			secrets = append(secrets, urlSecrets(one)...)
		}
	}
	for _, m := range urlUser.FindAllStringSubmatch(address, -1) {
		_, secret, ok := strings.Cut(m[1], ":")
		if !ok {
			if strings.HasPrefix(address, "http") {
				continue // a name alone
			}
			secret = m[1] // a token, as NATS takes it
		}
		secrets = append(secrets, m[1], secret)
		if plain, err := url.PathUnescape(secret); err == nil {
			secrets = append(secrets, plain)
		}
	}
	for _, m := range urlKey.FindAllStringSubmatch(address, -1) {
		secrets = append(secrets, m[1])
		if plain, err := url.QueryUnescape(m[1]); err == nil {
			secrets = append(secrets, plain)
		}
	}
	return secrets
}
