package mask

// Kinds of masked values: the names in tokens, in Event.Masked and in the label
// of tocsin_masked_total.
const (
	kindPassword   = "password"
	kindSecret     = "secret"
	kindToken      = "token"
	kindKey        = "key"
	kindJWT        = "jwt"
	kindPrivateKey = "private_key"
	kindAuth       = "auth"
	kindCookie     = "cookie"
	kindWebhook    = "webhook"
	kindEmail      = "email"
	kindPhone      = "phone"
	kindResidentID = "resident_id"
	kindBankCard   = "bank_card"
	kindIP         = "ip"
	kindMAC        = "mac"
)

// Kinds are all kinds of values that a Masker of any level replaces.
func Kinds() []string {
	return []string{
		kindPassword, kindSecret, kindToken, kindKey, kindJWT, kindPrivateKey, kindAuth, kindCookie, kindWebhook,
		kindEmail, kindPhone, kindResidentID, kindBankCard,
		kindIP, kindMAC,
	}
}

// knownKind is asked for every ‹ of a text, so it is a switch and no map.
func knownKind(s string) bool {
	switch s {
	case kindPassword, kindSecret, kindToken, kindKey, kindJWT, kindPrivateKey, kindAuth, kindCookie, kindWebhook,
		kindEmail, kindPhone, kindResidentID, kindBankCard, kindIP, kindMAC:
		return true
	}
	return false
}

// Levels that MASK_LEVELS knows.
const (
	// LevelSecrets masks keys, passwords, tokens, cookies and the like.
	LevelSecrets = "secrets"
	// LevelPersonal masks mail addresses, phone numbers, resident ids and bank cards.
	LevelPersonal = "personal"
	// LevelNetwork masks IPv4, IPv6 and MAC addresses.
	LevelNetwork = "network"
)

// Modes that MASK_MODE knows.
const (
	// ModeToken replaces a value by ‹kind:8 characters›, the same for the same value.
	ModeToken = "token"
	// ModeRedact replaces a value by ‹kind›.
	ModeRedact = "redact"
)
