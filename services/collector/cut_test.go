package collector

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What is cut is not masked yet: wherever the limits of message, context,
// fields and body lines fall, no half of a word may be left that the masker
// would not know for what it is.
func TestNoCutHalvesAWord(t *testing.T) {
	const secret = "https://deploy:Zq8Vt3Lw9Xc2Nb5@git.example.com"
	var text strings.Builder
	for _, limit := range []int{maxFieldBytes, maxContextBytes, maxMessage, maxBodyLine} {
		for at := limit - len(secret) - 20; at <= limit; at++ {
			long := strings.Repeat("word ", at/5) + strings.Repeat("x", at%5) + " " + secret + strings.Repeat(" and more", 4)
			field, err := json.Marshal(map[string]string{"level": "error", "msg": "m", "target": long})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "%s\nERROR one\n%s\nERROR %s\n%s\n", long, long, long, field)
		}
	}
	all := scanText(t, ScanOptions{}, text.String())
	if len(all) < 3*4*(len(secret)+20) {
		t.Fatalf("%d events", len(all))
	}
	cuts := 0
	for _, e := range all {
		for _, part := range append(append([]string{e.Message, e.Body, e.Fields["target"]}, e.Before...), e.After...) {
			if strings.Contains(strings.ReplaceAll(part, secret, ""), "deploy") {
				t.Fatalf("line %d: half of the secret is left", e.FirstLine)
			}
			cuts += strings.Count(part, "…")
		}
	}
	if cuts == 0 {
		t.Error("nothing was cut")
	}
}
