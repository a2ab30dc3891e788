package mask

// keyShape is what keys of one issuer look like: a prefix in its own case,
// then least to most characters of a set.
type keyShape struct {
	prefix      string
	set         func(byte) bool
	least, most int
	// plain is set where the prefix alone is telling; otherwise the rest must
	// look random, since words of a language could follow the prefix too.
	plain bool
}

func isUpperDigit(c byte) bool { return isUpper(c) || isDigit(c) }
func isAlnum(c byte) bool      { return isAlpha(c) || isDigit(c) }
func isLowerHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }
func isKeyByte(c byte) bool    { return isURLSafe(c) || c == '=' || c == '.' }

// keyShapes are the formats that the issuers document, or that their own
// secret scanners look for.
func keyShapes() []keyShape {
	var shapes []keyShape
	group := func(set func(byte) bool, least, most int, plain bool, prefixes ...string) {
		for _, p := range prefixes {
			shapes = append(shapes, keyShape{p, set, least, most, plain})
		}
	}
	// Clouds: AWS, Alibaba, Tencent, Google, DigitalOcean, Yandex, Fly, Heroku.
	group(isUpperDigit, 16, 16, true, "AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA")
	group(isAlnum, 12, 30, false, "LTAI")
	group(isAlnum, 13, 40, false, "AKID")
	group(isURLSafe, 35, 35, true, "AIza")
	group(isURLSafe, 20, 1024, false, "ya29.", "t1.")
	group(isURLSafe, 28, 28, true, "GOCSPX-")
	group(isLowerHex, 64, 64, true, "dop_v1_", "doo_v1_", "dor_v1_")
	group(isURLSafe, 38, 38, false, "YCAJE", "YCN", "YCM", "YCP")
	group(isURLSafe, 40, 60, false, "fo1_", "HRKU-")
	group(isKeyByte, 40, 1024, false, "fm1r_", "fm1a_", "fm2_")
	// Code: GitHub, GitLab, npm, PyPI, RubyGems, Docker, NuGet, Atlassian, JFrog.
	group(isAlnum, 30, 255, false, "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
	group(isWord, 22, 255, false, "github_pat_")
	group(isURLSafe, 15, 512, false, "glpat-", "gldt-", "glft-", "glrt-", "glsoat-", "glimt-", "glagent-", "glcbt-", "glptt-", "gloas-", "GR1348941", "glffct-")
	group(isAlnum, 36, 36, true, "npm_")
	group(isURLSafe, 40, 1024, false, "pypi-")
	group(isLowerHex, 48, 48, true, "rubygems_")
	group(isURLSafe, 20, 64, false, "dckr_pat_", "dckr_oat_")
	group(isKeyByte, 40, 512, false, "ATATT3", "ATCTT3", "ATBB")
	group(isAlnum, 58, 80, false, "AKCp", "cmVmd")
	group(isAlnum, 60, 60, false, "CLOJARS_")
	// Chat: Slack.
	group(isKeyByte, 10, 512, false, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.xox", "xapp-", "xoxc-", "xoxd-")
	// Models: OpenAI, Anthropic, DeepSeek, Hugging Face, Groq, Replicate, xAI, Perplexity.
	group(isURLSafe, 20, 256, false, "sk-")
	group(isAlpha, 34, 34, true, "hf_", "api_org_")
	group(isAlnum, 30, 128, false, "gsk_", "r8_", "xai-", "pplx-")
	group(isAlnum, 80, 512, false, "EAAM", "EAAC") // Facebook
	// Payment: Stripe, Square, Shippo, Flutterwave, EasyPost, Duffel, PayStack.
	group(isAlnum, 10, 256, false, "sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_", "whsec_")
	group(isURLSafe, 22, 64, false, "sq0atp-", "sq0csp-", "EAAA")
	group(isLowerHex, 40, 40, true, "shippo_live_", "shippo_test_")
	group(isKeyByte, 12, 64, false, "FLWSECK_TEST-", "FLWSECK-", "FLWPUBK_TEST-")
	group(isAlnum, 54, 54, false, "EZAK", "EZTK")
	group(isKeyByte, 43, 43, false, "duffel_test_", "duffel_live_")
	group(isURLSafe, 20, 64, false, "shpat_", "shpca_", "shppa_", "shpss_")
	// Mail: SendGrid, Mailgun, Brevo, Mailchimp's transactional.
	group(isKeyByte, 50, 80, false, "SG.")
	group(isLowerHex, 32, 32, true, "key-", "pubkey-")
	group(isURLSafe, 60, 90, false, "xkeysib-")
	// Operations: Grafana, Vault, Terraform, Sentry, New Relic, Databricks, Pulumi,
	// PlanetScale, Linear, Postman, ReadMe, 1Password, Dynatrace, Doppler, Prefect, Infracost.
	group(isKeyByte, 20, 512, false, "glsa_", "glc_", "hvs.", "hvb.", "hvr.", "sntrys_", "sntryu_", "lin_api_", "pul-", "sbp_", "dp.pt.", "pnu_", "ico-", "ntn_", "nfp_", "figd_", "rdme_", "tfp_", "dt0c01.", "dapi")
	group(isKeyByte, 16, 128, false, "sm_aat_", "sm_pat_", "sm_sat_", "NRAK-", "NRJS-", "NRAL-")
	group(isKeyByte, 32, 128, false, "pscale_tkn_", "pscale_pw_", "pscale_oauth_")
	group(isURLSafe, 40, 80, false, "PMAK-")
	group(isKeyByte, 100, 1024, false, "ops_eyJ")
	group(isUpperDigit, 58, 58, true, "AGE-SECRET-KEY-1")
	return shapes
}

// look masks the key that begins at start.
func (k keyShape) look(f *finder, start, end int) {
	if f.s[start:end] != k.prefix || !f.startsWord(start) {
		return
	}
	if last := len(f.found) - 1; last >= 0 && f.found[last].kind == kindKey && start < f.found[last].end {
		return
	}
	stop := f.run(end, k.most+1, k.set)
	for stop > end && (f.s[stop-1] == '.' || f.s[stop-1] == '=') && k.least != stop-end {
		stop-- // the end of a sentence
	}
	rest := f.s[end:stop]
	if len(rest) < k.least || len(rest) > k.most && k.most < 255 || !f.endsWord(stop) && len(rest) <= k.most {
		return
	}
	if distinct(rest) < 5 || !k.plain && !randomKey(rest) {
		return
	}
	if len(rest) > k.most {
		stop = f.run(stop, len(f.s), k.set)
	}
	f.add(kindKey, start, stop)
}

// distinct counts different bytes: a placeholder such as xxxxxxxx has few.
func distinct(s string) int {
	var seen [256]bool
	n := 0
	for i := range len(s) {
		if !seen[s[i]] {
			seen[s[i]] = true
			n++
		}
	}
	return n
}

// randomKey tells keys from words: it holds a digit, or letters of both cases
// other than at the starts of words.
func randomKey(s string) bool {
	digits, swaps := 0, 0
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
		}
		if i > 0 && isLower(s[i-1]) && isUpper(s[i]) {
			swaps++
		}
	}
	return digits > 0 || swaps*6 > len(s)
}

// telegramToken looks around the ":AA" in 123456789:AAF… (35 characters).
func (f *finder) telegramToken(start, end int) {
	if f.s[start:end] != ":AA" {
		return
	}
	head := f.runBack(start, 17, isDigit)
	tail := f.run(start+1, 40, isURLSafe)
	if n := start - head; n < 5 || n > 16 || tail-start-1 < 34 || tail-start-1 > 36 || !randomKey(f.s[start+1:tail]) {
		return
	}
	f.add(kindKey, head, tail)
}

// terraformToken looks around the ".atlasv1." in a token of HCP Terraform.
func (f *finder) terraformToken(start, end int) {
	head := f.runBack(start, 20, isAlnum)
	tail := f.run(end, 128, isKeyByte)
	if start-head >= 10 && tail-end >= 50 {
		f.add(kindKey, head, tail)
	}
}
