// Package console has the agent console's pages and serves them from the binary: the front end in static, without a build
// step, and the page of sign-in links.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed s*
var content embed.FS // static, and signin.html

// types are the media types of what the front end is made of; the system's own table differs from machine to machine.
var types = map[string]string{
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".json":  "application/json",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".ico":   "image/x-icon",
	".woff2": "font/woff2",
}

// Files are the front end's files. They do not change while the process runs.
type Files struct {
	files   map[string]file // by path below Path, without a slash at the beginning
	version string          // of all of them together
}

type file struct {
	body        []byte
	contentType string
	etag        string
}

// index is the page that is all pages: the front end routes by itself.
const index = "index.html"

// Open reads the embedded files.
func Open() (*Files, error) { return open(content) }

func open(from fs.FS) (*Files, error) {
	f := &Files{files: map[string]file{}}
	all := sha256.New()
	err := fs.WalkDir(from, "static", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		contentType, ok := types[path.Ext(name)]
		if !ok {
			return nil // licences and notes
		}
		sum := sha256.Sum256(body)
		_, _ = all.Write(append([]byte(name), sum[:]...)) // a hash does not fail
		f.files[strings.TrimPrefix(name, "static/")] = file{body, contentType, `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	f.version = hex.EncodeToString(all.Sum(nil)[:8])
	if page, ok := f.files[index]; ok {
		page.body = f.pointToVersion(page.body)
		f.files[index] = page
	}
	return f, err
}

var ownFile = regexp.MustCompile(`((?:src|href)=")` + Path + `/([^"?#]+)"`)

// pointToVersion makes the page load its files from a path that names their version, so that browsers keep them and never
// mix two versions. What those files name relatively comes from there too.
func (f *Files) pointToVersion(page []byte) []byte {
	return ownFile.ReplaceAllFunc(page, func(found []byte) []byte {
		m := ownFile.FindSubmatch(found)
		if _, ok := f.files[string(m[2])]; !ok {
			return found
		}
		return slices.Concat(m[1], []byte(Path+"/"+f.prefix()), m[2], []byte(`"`))
	})
}

func (f *Files) prefix() string { return "~" + f.version + "/" }

// Serve answers a GET of a path below Path: with a file, or with the page for a path of the front end's own. frames are
// the origins that the page may show in frames, beside its own. It returns false if there is no such file.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, frames func() []string) bool {
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, Path), "/")
	cache := "no-cache"
	if rest, ok := strings.CutPrefix(name, f.prefix()); ok {
		name, cache = rest, "public, max-age=31536000, immutable"
	}
	asked, ok := f.files[name]
	if !ok && path.Ext(name) == "" && !strings.HasPrefix(name, "~") || name == index {
		if asked, ok = f.files[index]; ok {
			header := w.Header()
			header.Set("Content-Security-Policy", Policy(frames()))
			header.Set("Referrer-Policy", "same-origin")
			header.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
			cache, asked.etag = "private, no-cache", "" // its policy differs from tenant to tenant, and with their docks
		}
	}
	if !ok {
		return false
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Type", asked.contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if asked.etag != "" {
		w.Header().Set("ETag", asked.etag)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(asked.body))
	return true
}

// Policy is the Content-Security-Policy of the console's page. It loads only what is its own; frames are for messages,
// which are its own, and for the docks of the tenant. Forms go nowhere but to its own origin, where only two routes take
// any: sign-in links and the preview of a message.
func Policy(frames []string) string {
	sources := "'self'"
	for _, origin := range frames {
		if !strings.ContainsAny(origin, " ;,'\"\t\r\n") { // no source can end the directive
			sources += " " + origin
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
		"frame-src " + sources + "; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}

// hashSource allows one inline style in a Content-Security-Policy.
func hashSource(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
