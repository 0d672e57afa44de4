package deployment

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/deps"
)

// descriptor is how an OCI layout refers to a blob.
type descriptor struct {
	Digest    string
	Size      int64
	MediaType string
	Platform  struct{ OS, Architecture string }
}

// settings are how an image says that its containers run.
type settings struct {
	User       string
	Entrypoint []string
	Env        []string
}

// build makes the image of this machine's architecture around the tests' binary, which trusts an authority besides the
// public ones, and returns its layout's directory.
func build(t *testing.T, authority string) string {
	t.Helper()
	binary, err := deps.Binary(t.TempDir())
	require.NoError(t, err)
	out, platform := filepath.Join(t.TempDir(), "image"), "linux/"+runtime.GOARCH
	packaging(t, binary, "run", "./image",
		"-out", out, "-platforms", platform, "-binary", platform+"="+binary, "-ca", authority)
	return out
}

// blob reads a blob and holds it against its digest.
func blob(t *testing.T, layout string, d descriptor) []byte {
	t.Helper()
	sum, ok := strings.CutPrefix(d.Digest, "sha256:")
	require.True(t, ok, d.Digest)
	content, err := os.ReadFile(filepath.Join(layout, "blobs", "sha256", sum))
	require.NoError(t, err)
	require.Len(t, content, int(d.Size))
	actual := sha256.Sum256(content)
	require.Equal(t, sum, hex.EncodeToString(actual[:]))
	return content
}

// decode reads a blob that is JSON.
func decode[T any](t *testing.T, layout string, d descriptor) (into T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(blob(t, layout, d), &into))
	return into
}

// unpack writes the root file system of the layout's image for this machine below root, none of it writable, and returns
// how it is to run. It knows what the image specification says and nothing of who has made the layout.
func unpack(t *testing.T, layout, root string) settings {
	t.Helper()
	type list struct{ Manifests []descriptor }
	var top list
	content, err := os.ReadFile(filepath.Join(layout, "index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &top))
	require.Len(t, top.Manifests, 1)
	for _, platform := range decode[list](t, layout, top.Manifests[0]).Manifests {
		if platform.Platform.OS != "linux" || platform.Platform.Architecture != runtime.GOARCH {
			continue
		}
		manifest := decode[struct {
			Config descriptor
			Layers []descriptor
		}](t, layout, platform)
		for _, layer := range manifest.Layers {
			unpackLayer(t, blob(t, layout, layer), root)
		}
		t.Cleanup(func() { chmodAll(t, root, 0o200, 0) }) // so that it can be removed
		chmodAll(t, root, 0, 0o222)
		return decode[struct{ Config settings }](t, layout, manifest.Config).Config
	}
	require.Fail(t, "there is no image for this machine")
	return settings{}
}

func unpackLayer(t *testing.T, layer []byte, root string) {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(layer))
	require.NoError(t, err)
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(header.Name), header.Name)
		require.Zero(t, header.Mode&^0o755, "%s is for more than root to write, or has a bit that changes rights", header.Name)
		require.Zero(t, header.Uid+header.Gid, "%s is not root's", header.Name)
		path := filepath.Join(root, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			require.NoError(t, os.MkdirAll(path, 0o755)) //nolint:gosec // others run in it
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, content, fs.FileMode(header.Mode))) //nolint:gosec // see above
		default:
			require.Fail(t, "not a file and not a directory", header.Name)
		}
	}
}

// chmodAll adds and takes bits of the mode of everything below a directory, and of it.
func chmodAll(t *testing.T, root string, add, take fs.FileMode) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()&^take|add)
	}))
}

// inventory is everything below a directory with mode, size and time of change.
func inventory(t *testing.T, root string) (entries []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		entries = append(entries, strings.Join([]string{path, info.Mode().String(), info.ModTime().String()}, " "))
		return nil
	}))
	return entries
}
