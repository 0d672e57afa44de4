package deployment

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endpoint is a receiver of webhooks with a certificate that an authority of its own has signed.
type endpoint struct {
	*httptest.Server
	authority string // path of its certificate

	mu     sync.Mutex
	events []string // types of what has arrived
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	signed, authority := issue(t)
	e := &endpoint{authority: filepath.Join(t.TempDir(), "authority.pem")}
	require.NoError(t, os.WriteFile(e.authority, authority, 0o600))
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.events = append(e.events, r.Header.Get("X-Atender-Event"))
	}))
	e.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that clients break off, as they should
	e.TLS = &tls.Config{Certificates: []tls.Certificate{signed}, MinVersion: tls.VersionTLS12}
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) arrived() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.events)
}

// await waits until an event of a type has arrived.
func (e *endpoint) await(t *testing.T, event string) {
	t.Helper()
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.Contains(e.events, event)
	}, time.Minute, 50*time.Millisecond, "%s does not arrive", event)
}

// issue makes an authority, whose certificate it returns in PEM form, and has it sign a certificate for this machine.
func issue(t *testing.T) (signed tls.Certificate, authority []byte) {
	t.Helper()
	root, leaf := newKey(t), newKey(t)
	valid := func(serial int64) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: t.Name()},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
	}
	parent, child := valid(1), valid(2)
	parent.IsCA, parent.BasicConstraintsValid, parent.KeyUsage = true, true, x509.KeyUsageCertSign
	child.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	child.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, parent, parent, root.Public(), root)
	require.NoError(t, err)
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	der, err = x509.CreateCertificate(rand.Reader, child, parent, leaf.Public(), root)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: leaf}, authority
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}
