package mask

import "strings"

// name is a word that, inside the name of a setting, says that its value is a
// secret.
type name struct {
	literal string
	kind    string
	// weak names say so only if the value looks random.
	weak bool
	// alone: the word must stand by itself in the name, as in db_pass but not
	// in bypass.
	alone bool
}

func names() []name {
	return []name{
		{literal: "password", kind: kindPassword},
		{literal: "passwd", kind: kindPassword},
		{literal: "passwort", kind: kindPassword},
		{literal: "passphrase", kind: kindPassword},
		{literal: "passcode", kind: kindPassword},
		{literal: "pwd", kind: kindPassword},
		{literal: "pass", kind: kindPassword, alone: true},
		{literal: "密码", kind: kindPassword},
		{literal: "口令", kind: kindPassword},
		{literal: "secret", kind: kindSecret},
		{literal: "apikey", kind: kindSecret},
		{literal: "api_key", kind: kindSecret},
		{literal: "api-key", kind: kindSecret},
		{literal: "api.key", kind: kindSecret},
		{literal: "api key", kind: kindSecret},
		{literal: "accesskey", kind: kindSecret},
		{literal: "access_key", kind: kindSecret},
		{literal: "access-key", kind: kindSecret},
		{literal: "access.key", kind: kindSecret},
		{literal: "privatekey", kind: kindSecret},
		{literal: "private_key", kind: kindSecret},
		{literal: "private-key", kind: kindSecret},
		{literal: "accountkey", kind: kindSecret},
		{literal: "account_key", kind: kindSecret},
		{literal: "encryptionkey", kind: kindSecret},
		{literal: "encryption_key", kind: kindSecret},
		{literal: "appkey", kind: kindSecret},
		{literal: "app_key", kind: kindSecret},
		{literal: "authkey", kind: kindSecret},
		{literal: "auth_key", kind: kindSecret},
		{literal: "aeskey", kind: kindSecret},
		{literal: "aes_key", kind: kindSecret},
		{literal: "credential", kind: kindSecret, weak: true},
		{literal: "密钥", kind: kindSecret},
		{literal: "秘钥", kind: kindSecret},
		{literal: "_key", kind: kindSecret, weak: true},
		{literal: "-key", kind: kindSecret, weak: true},
		{literal: "signature", kind: kindSecret, weak: true},
		{literal: "token", kind: kindToken},
		{literal: "令牌", kind: kindToken},
		{literal: "auth", kind: kindToken, weak: true, alone: true},
		{literal: "sessionid", kind: kindCookie, weak: true},
		{literal: "session_id", kind: kindCookie, weak: true},
		{literal: "session-id", kind: kindCookie, weak: true},
		{literal: "sessid", kind: kindCookie, weak: true},
	}
}

// otherWords say, behind the word of a name, that its value is something about
// the secret and not the secret: token_type, password_length, secretName.
var otherWords = map[string]bool{
	"type": true, "types": true, "count": true, "counts": true, "counter": true, "number": true, "num": true, "total": true,
	"expires": true, "expire": true, "expired": true, "expiry": true, "expiration": true, "ttl": true, "lifetime": true, "duration": true,
	"age": true, "time": true, "timeout": true, "timestamp": true, "date": true, "created": true, "updated": true, "modified": true,
	"length": true, "len": true, "size": true, "limit": true, "min": true, "max": true, "minimum": true, "maximum": true, "budget": true, "usage": true,
	"name": true, "names": true, "namespace": true, "file": true, "files": true, "filename": true, "path": true, "dir": true,
	"url": true, "uri": true, "endpoint": true, "host": true, "server": true, "address": true, "service": true, "provider": true, "store": true, "manager": true,
	"policy": true, "version": true, "index": true, "position": true, "offset": true, "pos": true, "column": true, "line": true,
	"status": true, "state": true, "valid": true, "validity": true, "enabled": true, "disabled": true, "required": true, "changed": true, "set": true, "used": true,
	"error": true, "errors": true, "message": true, "reason": true, "kind": true, "class": true, "format": true, "algorithm": true, "alg": true,
	"authentication": true, "authenticator": true, "auth": true, "reset": true, "check": true, "attempts": true, "retries": true, "prompt": true, "hint": true,
	"exists": true, "present": true, "strength": true, "field": true, "header": true, "param": true, "prefix": true, "suffix": true, "ref": true, "refs": true,
	"rotation": true, "refresh": true, "issuer": true, "audience": true, "scope": true, "mode": true, "rate": true, "per": true, "at": true, "in": true, "on": true, "is": true, "for": true,
	"bucket": true, "range": true, "ring": true, "ranges": true, "aware": true, "map": true, "list": true, "request": true, "response": true, "updates": true, "cache": true, "client": true, "input": true,
}

// joined are the endings that may follow a word without a break.
var joined = map[string]bool{
	"s": true, "e": true, "id": true, "key": true, "keys": true, "value": true, "hash": true, "str": true, "string": true, "txt": true, "text": true,
	"data": true, "accesskey": true, "salt": true, "old": true, "new": true, "plain": true, "base64": true, "code": true,
	"confirmation": true, "confirm": true, "again": true, "x": true, "secret": true, "token": true,
}

// names tells whether a name with before and after around the word is that of
// a secret.
func (n name) names(before, after string) bool {
	if n.alone && before != "" && !breaksBefore(before) {
		return false
	}
	if after == "" {
		return true
	}
	c := after[0]
	if isLower(c) || isUpper(c) && allUpper(after) && before == strings.ToUpper(before) {
		end := 0
		for end < len(after) && isAlpha(after[end]) && (end == 0 || !isUpper(after[end]) || isUpper(after[end-1])) {
			end++
		}
		if n.alone || !joined[strings.ToLower(after[:end])] {
			return false
		}
		after = after[end:]
	}
	for _, w := range words(after) {
		if otherWords[w] {
			return false
		}
	}
	return true
}

// breaksBefore tells whether a word begins behind before.
func breaksBefore(before string) bool { return !isAlnum(before[len(before)-1]) }

func allUpper(s string) bool { return s == strings.ToUpper(s) }

// words takes a name apart at its marks and at capitals.
func words(s string) []string {
	var out []string
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, strings.ToLower(s[start:end]))
		}
		start = end
	}
	for i := range len(s) {
		switch {
		case !isAlnum(s[i]):
			flush(i)
			start = i + 1
		case i > start && isUpper(s[i]) && isLower(s[i-1]):
			flush(i)
		}
	}
	flush(len(s))
	return out
}

// secretName tells whether a whole name, such as a field's, is that of a
// secret, and of which kind.
func secretName(s string, all []name) (string, bool) {
	if len(all) == 0 {
		return "", false
	}
	low := strings.ToLower(s)
	if low == "authorization" || low == "proxy-authorization" {
		return kindAuth, true
	}
	if low == "cookie" || low == "set-cookie" {
		return kindCookie, true
	}
	for _, n := range all {
		if n.weak && n.kind != kindCookie {
			continue
		}
		for at := 0; ; {
			i := strings.Index(low[at:], n.literal)
			if i < 0 {
				break
			}
			at += i
			if len(low) == len(s) && n.names(s[:at], s[at+len(n.literal):]) {
				return n.kind, true
			}
			at += len(n.literal)
		}
	}
	return "", false
}
