package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	tokenOpen  = "‹"
	tokenClose = "›"
	// digestLen is how many base32 characters of the HMAC a token carries: 40
	// bits, so that two of a million different values share one at odds of 1 : 2.
	digestLen = 8
	// maxToken bounds the search for the end of a token.
	maxToken = 48
)

// tokenLen gives the length of the masked value at the start of s: ‹kind› or
// ‹kind:8 base32 characters› of a kind we know. Anything else between such
// marks is ordinary text, or a log line could switch masking off.
func tokenLen(s string) (int, bool) {
	if !strings.HasPrefix(s, tokenOpen) {
		return 0, false
	}
	end := strings.Index(s[:min(len(s), maxToken)], tokenClose)
	if end < 0 {
		return 0, false
	}
	kind, digest, tokened := strings.Cut(s[len(tokenOpen):end], ":")
	if !knownKind(kind) || tokened && !isDigest(digest) {
		return 0, false
	}
	return end + len(tokenClose), true
}

func isDigest(s string) bool {
	if len(s) != digestLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '2' <= c && c <= '7') {
			return false
		}
	}
	return true
}

// tokensIn are the masked values that a text already holds, in order.
func tokensIn(s string) []Span {
	var tokens []Span
	for at := 0; ; {
		i := strings.Index(s[at:], tokenOpen)
		if i < 0 {
			return tokens
		}
		at += i
		n, ok := tokenLen(s[at:])
		if !ok {
			at += len(tokenOpen)
			continue
		}
		tokens = append(tokens, Span{Start: at, End: at + n})
		at += n
	}
}

// token is what stands for a value.
func (m *Masker) token(kind, value string) string {
	if m.mode == ModeRedact {
		return tokenOpen + kind + tokenClose
	}
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(canonical(kind, value)))
	sum := mac.Sum(nil)
	digest := base32.StdEncoding.EncodeToString(sum[:digestLen*5/8])
	return tokenOpen + kind + ":" + strings.ToLower(digest) + tokenClose
}

// canonical makes one value of the ways to write the same address or number.
func canonical(kind, value string) string {
	switch kind {
	case kindEmail, kindMAC:
		return strings.ToLower(value)
	case kindPhone, kindBankCard:
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, value)
		if kind == kindPhone && len(digits) > 11 {
			digits = digits[len(digits)-11:]
		}
		return digits
	}
	return value
}
