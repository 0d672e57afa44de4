package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/signature"
)

// The test vectors of the official libraries (v1) and of the Svix server (v1a).
const (
	vectorID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime    = 1614265330
	vectorBody    = `{"test": 2432232314}`
	vectorSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorV1      = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	vectorPrivate = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublic  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorV1a     = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func secret(t testing.TB, text string) signature.Secret {
	t.Helper()
	s, err := signature.ParseSecret(text)
	require.NoError(t, err)
	return s
}

func TestVectors(t *testing.T) {
	at := time.Unix(vectorTime, 999_999_999)
	key := secret(t, vectorSecret)
	pair, err := signature.ParseKeyPair(vectorPrivate)
	require.NoError(t, err)
	require.Equal(t, vectorPublic, pair.Public().String())

	require.Equal(t, vectorV1, signature.Standard(vectorID, at, []byte(vectorBody), key))
	require.Equal(t, vectorV1a, signature.Standard(vectorID, at, []byte(vectorBody), pair))
	require.Equal(t, vectorV1+" "+vectorV1a, signature.Standard(vectorID, at, []byte(vectorBody), key, pair))
	require.Equal(t, vectorV1a+" "+vectorV1, signature.Standard(vectorID, at, []byte(vectorBody), pair, key))

	public, err := signature.ParsePublicKey(vectorPublic)
	require.NoError(t, err)
	for _, v := range []signature.Verifier{key, public} {
		require.NoError(t, signature.VerifyStandard(vectorID, strconv.Itoa(vectorTime), vectorV1+" "+vectorV1a,
			[]byte(vectorBody), at, signature.Tolerance, v))
	}
	// Computed with: printf '1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:31f2…
	require.Equal(t, "t=1614265330,v1="+atenderVector, signature.Atender(at, []byte(vectorBody), key))
}

// delivery is a signed request as a receiver sees it.
type delivery struct {
	id, timestamp, signatures string
	body                      []byte
}

func sign(at time.Time, id string, body []byte, keys ...signature.Signer) delivery {
	return delivery{id, strconv.FormatInt(at.Unix(), 10), signature.Standard(id, at, body, keys...), body}
}

// accepted asks the official library, and requires our own verifier to agree with it.
func accepted(t testing.TB, d delivery, s signature.Secret) bool {
	t.Helper()
	w, err := official.NewWebhook(s.Reveal())
	require.NoError(t, err)
	theirs := w.Verify(d.body, http.Header{
		"Webhook-Id": {d.id}, "Webhook-Timestamp": {d.timestamp}, "Webhook-Signature": {d.signatures},
	})
	ours := signature.VerifyStandard(d.id, d.timestamp, d.signatures, d.body, time.Now(), signature.Tolerance, s)
	require.Equal(t, theirs == nil, ours == nil, "the official library says %v, ours %v", theirs, ours)
	return theirs == nil
}

func TestTheOfficialLibraryAccepts(t *testing.T) {
	old, current, other := signature.NewSecret(), signature.NewSecret(), signature.NewSecret()
	pair := signature.NewKeyPair()
	short := secret(t, "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 24)))
	long := secret(t, "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 64)))
	body := []byte(`{"event":"message.received"}`)
	good := func(d *delivery) {}
	type keys []signature.Signer

	for name, c := range map[string]struct {
		keys   keys
		body   []byte
		age    time.Duration
		verify signature.Secret
		change func(*delivery)
		want   bool
	}{
		"single":                  {keys{current}, body, 0, current, good, true},
		"old and new, old key":    {keys{old, current}, body, 0, old, good, true},
		"old and new, new key":    {keys{old, current}, body, 0, current, good, true},
		"new and old, old key":    {keys{current, old}, body, 0, old, good, true},
		"new and old, new key":    {keys{current, old}, body, 0, current, good, true},
		"v1 before v1a":           {keys{current, pair}, body, 0, current, good, true},
		"v1a before v1":           {keys{pair, current}, body, 0, current, good, true},
		"v1a alone":               {keys{pair}, body, 0, current, good, false},
		"299 s old":               {keys{current}, body, 299 * time.Second, current, good, true},
		"299 s ahead":             {keys{current}, body, -299 * time.Second, current, good, true},
		"301 s old":               {keys{current}, body, 301 * time.Second, current, good, false},
		"301 s ahead":             {keys{current}, body, -301 * time.Second, current, good, false},
		"wrong key":               {keys{current, old}, body, 0, other, good, false},
		"non-ASCII body":          {keys{current}, []byte("„Grüße“ 👋\xff\x00"), 0, current, good, true},
		"empty body":              {keys{current}, nil, 0, current, good, true},
		"24-byte key":             {keys{short}, body, 0, short, good, true},
		"64-byte key":             {keys{long}, body, 0, long, good, true},
		"tampered body":           {keys{current}, body, 0, current, otherBody, false},
		"tampered id":             {keys{current}, body, 0, current, otherID, false},
		"tampered time":           {keys{current}, body, 2 * time.Second, current, later, false},
		"joined by commas":        {keys{old, current}, body, 0, current, commas, false},
		"time in milliseconds":    {keys{current}, body, 0, current, milliseconds, false},
		"a key that is not there": {keys{signature.Secret{}, current}, body, 0, current, good, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the library reads the clock
				d := sign(time.Now().Add(-c.age), "0199b6f2-0000-7000-8000-000000000001", c.body, c.keys...)
				c.change(&d)
				require.Equal(t, c.want, accepted(t, d, c.verify))
			})
		})
	}
}

func later(d *delivery) {
	seconds, _ := strconv.ParseInt(d.timestamp, 10, 64)
	d.timestamp = strconv.FormatInt(seconds+1, 10)
}

func otherBody(d *delivery) { d.body = []byte("{}") }

func otherID(d *delivery) { d.id += "x" }

func milliseconds(d *delivery) { d.timestamp += "000" }

func commas(d *delivery) { d.signatures = strings.ReplaceAll(d.signatures, " ", ",") }

func TestARetryKeepsItsIDAndSignsItsOwnTime(t *testing.T) {
	key := signature.NewSecret()
	first := sign(time.Unix(1700000000, 0), "id", []byte("{}"), key)
	second := sign(time.Unix(1700000005, 0), "id", []byte("{}"), key)
	require.Equal(t, first.id, second.id)
	require.NotEqual(t, first.signatures, second.signatures)
}

func TestAnyBodyVerifiesAndAnyTamperFails(t *testing.T) {
	pair := signature.NewKeyPair()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		id := rapid.StringMatching(`[a-zA-Z0-9_-]{1,40}`).Draw(t, "id")
		keys := []signature.Secret{signature.NewSecret(), signature.NewSecret()}
		use := rapid.IntRange(0, 1).Draw(t, "use")

		d := sign(at, id, body, keys[0], pair, keys[1])
		atender := signature.Atender(at, body, keys...)
		standard := func(d delivery, v signature.Verifier) error {
			return signature.VerifyStandard(d.id, d.timestamp, d.signatures, d.body, at, signature.Tolerance, v)
		}
		verifiers := []signature.Verifier{keys[use], pair.Public()}
		for _, v := range verifiers {
			require.NoError(t, standard(d, v))
		}
		require.NoError(t, signature.VerifyAtender(atender, body, at, signature.Tolerance, keys[use]))

		changed := append([]byte(nil), body...)
		if len(changed) == 0 || rapid.Bool().Draw(t, "longer") {
			changed = append(changed, rapid.Byte().Draw(t, "byte"))
		} else {
			changed[rapid.IntRange(0, len(changed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		other := d
		other.body = changed
		renamed := d
		renamed.id += "0"
		for _, v := range verifiers {
			require.ErrorIs(t, standard(other, v), signature.ErrMismatch)
			require.ErrorIs(t, standard(renamed, v), signature.ErrMismatch)
		}
		require.ErrorIs(t, signature.VerifyAtender(atender, changed, at, signature.Tolerance, keys[use]),
			signature.ErrMismatch)
		require.ErrorIs(t, standard(d, signature.NewSecret()), signature.ErrMismatch)
		require.ErrorIs(t, standard(d, signature.NewKeyPair().Public()), signature.ErrMismatch)
		require.ErrorIs(t, signature.VerifyAtender(atender, body, at, signature.Tolerance, signature.NewSecret()),
			signature.ErrMismatch)
	})
}

func TestVerifyAtender(t *testing.T) {
	a, b := secret(t, vectorSecret), signature.NewSecret()
	at := time.Unix(vectorTime, 0)
	body := []byte(vectorBody)
	header := signature.Atender(at, body, a)
	both := signature.Atender(at, body, b, a)
	require.Equal(t, 2, strings.Count(both, ",v1="))
	v1 := strings.TrimPrefix(header, "t=1614265330,")
	for name, c := range map[string]struct {
		header string
		skew   time.Duration
		want   error
	}{
		"good":                     {header, 0, nil},
		"either of two":            {both, 0, nil},
		"spaces after commas":      {"t=1614265330, " + v1, 0, nil},
		"later versions skipped":   {"t=1614265330,v2=abc," + v1, 0, nil},
		"300 s later":              {header, 300 * time.Second, nil},
		"301 s later":              {header, 301 * time.Second, signature.ErrTimestamp},
		"301 s before":             {header, -301 * time.Second, signature.ErrTimestamp},
		"empty":                    {"", 0, signature.ErrMalformed},
		"no time":                  {v1, 0, signature.ErrMalformed},
		"two times":                {"t=1,t=1614265330," + v1, 0, signature.ErrMalformed},
		"time that is no number":   {"t=now," + v1, 0, signature.ErrMalformed},
		"another spelling of time": {"t=+1614265330," + v1, 0, signature.ErrMismatch},
		"no signature":             {"t=1614265330", 0, signature.ErrMismatch},
		"no hex":                   {"t=1614265330,v1=zz", 0, signature.ErrMismatch},
		"truncated":                {header[:len(header)-2], 0, signature.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, signature.VerifyAtender(c.header, body, at.Add(c.skew), signature.Tolerance, a), c.want)
		})
	}
}

func TestVerifyStandardRefusesMissingHeaders(t *testing.T) {
	key, now := signature.NewSecret(), time.Unix(vectorTime, 0)
	d := sign(now, "id", nil, key)
	for _, c := range []delivery{
		{"", d.timestamp, d.signatures, nil}, {d.id, "", d.signatures, nil}, {d.id, d.timestamp, "", nil},
	} {
		require.ErrorIs(t, signature.VerifyStandard(c.id, c.timestamp, c.signatures, c.body, now, signature.Tolerance, key),
			signature.ErrMalformed)
	}
}

func TestNoKeySignsAndVerifiesNothing(t *testing.T) {
	now := time.Unix(vectorTime, 0)
	require.Empty(t, signature.Standard("id", now, nil))
	require.Empty(t, signature.Standard("id", now, nil, signature.Secret{}, signature.KeyPair{}))
	require.Empty(t, signature.Atender(now, nil))
	require.Empty(t, signature.Atender(now, nil, signature.Secret{}))
	key := signature.NewSecret()
	require.Equal(t, signature.Standard("id", now, nil, key),
		signature.Standard("id", now, nil, signature.Secret{}, key, signature.KeyPair{}))

	// What an attacker would send who knows that the key is empty.
	forged := "v1," + base64.StdEncoding.EncodeToString(emptyKeyMAC("id.1614265330."))
	require.ErrorIs(t, signature.VerifyStandard("id", "1614265330", forged, nil, now, signature.Tolerance,
		signature.Secret{}, signature.PublicKey{}), signature.ErrMismatch)
	require.ErrorIs(t, signature.VerifyAtender(fmt.Sprintf("t=1614265330,v1=%x", emptyKeyMAC("1614265330.")), nil, now,
		signature.Tolerance, signature.Secret{}), signature.ErrMismatch)
}

func TestSecretsDoNotPrint(t *testing.T) {
	s, pair := secret(t, vectorSecret), signature.NewKeyPair()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		require.Equal(t, "whsec_[hidden]", fmt.Sprintf(verb, s))
		require.Equal(t, pair.Public().String(), fmt.Sprintf(verb, pair))
		require.NotContains(t, fmt.Sprintf(verb, struct{ S signature.Secret }{s}), "MfKQ")
	}
	text, err := json.Marshal(s) //nolint:staticcheck // that nothing comes out is the point
	require.NoError(t, err)
	require.Equal(t, "{}", string(text))
	require.Equal(t, vectorSecret, s.Reveal())
}

func BenchmarkStandard(b *testing.B) {
	now, body := time.Unix(vectorTime, 0), []byte(strings.Repeat("x", 2048))
	old, current, pair := signature.NewSecret(), signature.NewSecret(), signature.NewKeyPair()
	for name, keys := range map[string][]signature.Signer{
		"v1": {current}, "v1 twice": {current, old}, "v1a": {pair},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				signature.Standard(vectorID, now, body, keys...)
			}
		})
	}
}

func BenchmarkAtender(b *testing.B) {
	now, body, key := time.Unix(vectorTime, 0), []byte(strings.Repeat("x", 2048)), signature.NewSecret()
	b.ReportAllocs()
	for b.Loop() {
		signature.Atender(now, body, key)
	}
}
