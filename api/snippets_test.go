package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/signature"
)

// signedRequest is a request that the document's snippets judge.
type signedRequest struct {
	Secret    string `json:"secret"`
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Signature string `json:"signature"`
	Body      []byte `json:"body"` // base64
}

// snippetPrograms judge the requests that come as a JSON list, by the document's snippet in each language (%s).
var snippetPrograms = map[string]struct {
	command      []string
	file, source string
}{
	"go": {[]string{"go", "run"}, "main.go", `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

%s

func main() {
	var requests []struct {
		Secret, ID, Timestamp, Signature string
		Body                             []byte
	}
	_ = json.NewDecoder(os.Stdin).Decode(&requests)
	answers := []bool{}
	for _, r := range requests {
		h := http.Header{}
		h.Set("webhook-id", r.ID)
		h.Set("webhook-timestamp", r.Timestamp)
		h.Set("webhook-signature", r.Signature)
		answers = append(answers, verify(r.Secret, h, r.Body))
	}
	_ = json.NewEncoder(os.Stdout).Encode(answers)
}
`},
	"js": {[]string{"node"}, "main.cjs", `%s
const requests = JSON.parse(require("node:fs").readFileSync(0));
console.log(JSON.stringify(requests.map((r) => verify(r.secret, {
  "Webhook-Id": r.id, "webhook-timestamp": r.timestamp, "WEBHOOK-SIGNATURE": r.signature,
}, Buffer.from(r.body, "base64")))));
`},
	"python": {[]string{"python3"}, "main.py", `%s
import json, sys
print(json.dumps([verify(r["secret"], {
    "Webhook-Id": r["id"], "webhook-timestamp": r["timestamp"], "WEBHOOK-SIGNATURE": r["signature"],
}, base64.b64decode(r["body"])) for r in json.load(sys.stdin)]))
`},
}

// What the document tells receivers to do lets our requests in and nothing else.
func TestTheDocumentsSnippetsVerifySignatures(t *testing.T) {
	secret, before := signature.NewSecret(), signature.NewSecret()
	body := []byte(`{"event":"message.received","data":{"text":"Grüße 👋"}}`)
	now := time.Now()
	signed := func(at time.Time, keys ...signature.Signer) signedRequest {
		return signedRequest{
			Secret: secret.Reveal(), ID: "msg_1", Timestamp: strconv.FormatInt(at.Unix(), 10), Body: body,
			Signature: signature.Standard("msg_1", at, body, keys...),
		}
	}
	altered, foreign := signed(now, secret), signed(now, before)
	altered.Body = append([]byte(" "), body...)
	unsigned, timeless, unset := signed(now), signed(now, secret), signed(now, secret)
	timeless.Timestamp = "soon"
	nothing := hmac.New(sha256.New, nil)
	nothing.Write(append([]byte(unset.ID+"."+unset.Timestamp+"."), body...))
	unset.Secret, unset.Signature = "", "v1,"+base64.StdEncoding.EncodeToString(nothing.Sum(nil))
	requests, want := []signedRequest{
		signed(now, secret), signed(now, secret, before), signed(now, before, secret), signed(now.Add(-4*time.Minute), secret),
		signed(now.Add(-6*time.Minute), secret), signed(now.Add(6*time.Minute), secret),
		altered, foreign, unsigned, timeless, unset,
	}, []bool{
		true, true, true, true,
		false, false,
		false, false, false, false, false,
	}

	var input bytes.Buffer
	require.NoError(t, json.NewEncoder(&input).Encode(requests))
	found := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").
		FindAllStringSubmatch(document().Spec.Tags.Get("Events").Description, -1)
	require.Len(t, found, len(snippetPrograms))
	guide, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(guide), found[2][2], "the guide shows the last one")
	for _, snippet := range found {
		t.Run(snippet[1], func(t *testing.T) {
			program := snippetPrograms[snippet[1]]
			if _, err := exec.LookPath(program.command[0]); err != nil {
				t.Skipf("there is no %s here", program.command[0])
			}
			file := filepath.Join(t.TempDir(), program.file)
			source := bytes.Replace([]byte(program.source), []byte("%s"), []byte(snippet[2]), 1)
			require.NoError(t, os.WriteFile(file, source, 0o600))
			run := exec.CommandContext(t.Context(), program.command[0], append(program.command[1:], file)...)
			run.Stdin = bytes.NewReader(input.Bytes())
			out, err := run.CombinedOutput()
			require.NoError(t, err, "%s", out)
			var got []bool
			require.NoError(t, json.Unmarshal(out, &got), "%s", out)
			require.Equal(t, want, got)
		})
	}
}
