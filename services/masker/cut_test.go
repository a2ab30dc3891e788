package masker

import (
	"strings"
	"testing"

	"tocsin/pkg/events"
	"tocsin/services/masker/mask"
)

// What is too long is cut before it is masked. Wherever the cut falls, no part
// of a secret that is worth anything may come through.
func TestACutNeverUncoversASecret(t *testing.T) {
	m, err := mask.New(mask.Options{Levels: []string{mask.LevelSecrets, mask.LevelPersonal}, Mode: mask.ModeToken, Key: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, secret string }{
		{"cannot fetch https://deploy:Zq8Vt3Lw9Xc2@git.example.com/x.git today, giving up", "Zq8Vt3Lw9Xc2"},
		{"login with password=Zq8Vt3Lw9Xc2 was refused for the user", "Zq8Vt3Lw9Xc2"},
		{`{"user":"bob","password":"Zq8 Vt3 Lw9Xc2","host":"db-1","x":1} refused`, "Zq8 Vt3 Lw9Xc2"},
		{`{"user":"bob","password":"Zq8Vt3Lw9Xc2","host":"db-1","x":1}`, "Zq8Vt3Lw9Xc2"},
		{"Authorization: Bearer Zq8Vt3Lw9Xc2Nb5Kd7Ry4Mf6 was refused by the gateway", "Zq8Vt3Lw9Xc2Nb5Kd7Ry4Mf6"},
		{"key AKIAIOSFODNN7EXAMPLE is not known to the store", "IOSFODNN7EXAMPLE"},
		{"用户手机号13800138000已停机，请联系 someone@example.com", "13800138000"},
	} {
		for pad := range len(tt.text) + 2 {
			for _, text := range []string{
				strings.Repeat("word ", 60) + tt.text,
				strings.Repeat("a line\n", 60) + tt.text + "\n" + strings.Repeat("a line\n", 60),
			} {
				head := events.CutEnd(text, 300+pad)
				middle, _ := events.CutMiddle(text, 400+pad)
				for _, cut := range []string{head, middle} {
					masked, _ := m.Text(cut)
					for i := 0; i+6 <= len(tt.secret); i++ {
						if strings.Contains(masked, tt.secret[i:i+6]) {
							t.Fatalf("%d bytes of padding: %q came through", pad, tt.secret[i:i+6])
						}
					}
				}
			}
		}
	}
}
