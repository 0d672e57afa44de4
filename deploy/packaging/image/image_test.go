package main

import (
	"archive/tar"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/stretchr/testify/require"
)

var (
	amd64 = platform{"linux", "amd64"}
	arm64 = platform{"linux", "arm64"}
)

// made makes a layout with what stands for the binaries.
func made(t *testing.T, binaries map[platform][]byte) (dir string, digest v1.Hash) {
	t.Helper()
	authorities, err := readAuthorities("")
	require.NoError(t, err)
	base, err := baseFiles("../../..", authorities)
	require.NoError(t, err)
	dir = filepath.Join(t.TempDir(), "image")
	digest, err = writeLayout(dir, base, binaries,
		labels{version: "1.0.0", revision: "abc", created: time.Unix(1_700_000_000, 0).UTC()})
	require.NoError(t, err)
	return dir, digest
}

// From the same files it makes the same bytes, and from others it does not.
func TestTheSameFilesMakeTheSameImage(t *testing.T) {
	t.Parallel()
	binaries := map[platform][]byte{amd64: []byte("for amd64"), arm64: []byte("for arm64")}
	first, digest := made(t, binaries)
	second, again := made(t, binaries)
	require.Equal(t, digest, again)
	require.Equal(t, blobs(t, first), blobs(t, second))
	_, other := made(t, map[platform][]byte{amd64: []byte("for amd64"), arm64: []byte("another")})
	require.NotEqual(t, digest, other)
}

// blobs are the names of all files of a layout: those of blobs are the digests of what is in them.
func blobs(t *testing.T, dir string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	require.NoError(t, err)
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

// The layout is valid, each platform has its binary, and what an image is labelled with says where it comes from.
func TestALayoutHasAnImageForEachPlatform(t *testing.T) {
	t.Parallel()
	dir, digest := made(t, map[platform][]byte{amd64: []byte("for amd64"), arm64: []byte("for arm64")})
	top, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	entry, err := top.IndexManifest()
	require.NoError(t, err)
	require.Len(t, entry.Manifests, 1)
	require.Equal(t, digest, entry.Manifests[0].Digest)
	index, err := top.ImageIndex(digest)
	require.NoError(t, err)
	list, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, list.Manifests, 2)
	for i, p := range []platform{amd64, arm64} {
		require.Equal(t, p.String(), list.Manifests[i].Platform.String())
		require.Empty(t, list.Manifests[i].ArtifactType)
		img, err := index.Image(list.Manifests[i].Digest)
		require.NoError(t, err)
		requireImage(t, img, p)
	}
}

func requireImage(t *testing.T, img v1.Image, p platform) {
	t.Helper()
	file, err := img.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, p.String(), file.OS+"/"+file.Architecture)
	require.Equal(t, "65532:65532", file.Config.User)
	require.Equal(t, []string{"/usr/bin/atender"}, file.Config.Entrypoint)
	require.Equal(t, "1.0.0", file.Config.Labels["org.opencontainers.image.version"])
	require.Equal(t, "MIT", file.Config.Labels["org.opencontainers.image.licenses"])
	manifest, err := img.Manifest()
	require.NoError(t, err)
	require.Equal(t, file.Config.Labels, manifest.Annotations)
	layers, err := img.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 2, "the first is the same for all platforms and versions")
	files := map[string]string{}
	for _, l := range layers {
		for name, content := range unpacked(t, l) {
			files[name] = content
		}
	}
	require.Equal(t, "for "+p.arch, files["usr/bin/atender"])
	require.Contains(t, files["etc/passwd"], fmt.Sprintf(":%d:", userID))
	require.Contains(t, files["etc/group"], fmt.Sprintf(":%d:", userID))
	require.Contains(t, files["usr/share/licenses/atender/LICENSE"], "MIT License")
	require.True(t, strings.HasPrefix(files["usr/share/zoneinfo/America/New_York"], "TZif"))
	requireAuthorities(t, files["etc/ssl/certs/ca-certificates.crt"])
}

// unpacked are the files of a layer, in which names are in their order and nothing is but files and directories of root.
func unpacked(t *testing.T, l v1.Layer) map[string]string {
	t.Helper()
	open, err := l.Uncompressed()
	require.NoError(t, err)
	defer func() { require.NoError(t, open.Close()) }()
	files := map[string]string{}
	var names []string
	for r := tar.NewReader(open); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			require.True(t, slices.IsSorted(names))
			return files
		}
		require.NoError(t, err)
		require.Zero(t, header.Uid+header.Gid)
		require.Equal(t, int64(1_700_000_000), header.ModTime.Unix())
		if header.Typeflag == tar.TypeDir {
			continue
		}
		require.Equal(t, byte(tar.TypeReg), header.Typeflag, header.Name)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		files[header.Name], names = string(content), append(names, header.Name)
	}
}

func requireAuthorities(t *testing.T, text string) {
	t.Helper()
	n := 0
	for rest := []byte(text); len(rest) > 0; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		require.NotNil(t, block)
		_, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
	}
	require.Greater(t, n, 100)
}

// Another authority is added to the public ones; what is none is refused.
func TestAnAuthorityCanBeAdded(t *testing.T) {
	t.Parallel()
	public, err := readAuthorities("")
	require.NoError(t, err)
	first, _ := pem.Decode(public)
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(first), 0o600))
	more, err := readAuthorities(path)
	require.NoError(t, err)
	require.Equal(t, string(public)+string(pem.EncodeToMemory(first)), string(more))
	require.NoError(t, os.WriteFile(path, []byte("no certificate"), 0o600))
	_, err = readAuthorities(path)
	require.ErrorContains(t, err, "no certificate")
}

// A directory that is something else is not taken for an older layout, which is replaced.
func TestOnlyAnOlderLayoutIsReplaced(t *testing.T) {
	t.Parallel()
	dir, _ := made(t, map[platform][]byte{amd64: []byte("old")})
	require.NoError(t, clearLayout(dir))
	require.NoDirExists(t, dir)
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "precious"), nil, 0o600))
	require.ErrorContains(t, clearLayout(other), "left as it is")
	require.FileExists(t, filepath.Join(other, "precious"))
}

// What engines build of the Dockerfile runs as what `make image` makes, and is built with the Go that go.mod asks for.
func TestTheDockerfileSaysTheSame(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../container/Dockerfile")
	require.NoError(t, err)
	said := func(pattern string) string {
		found := regexp.MustCompile(`(?m)^` + pattern + `$`).FindSubmatch(text)
		require.NotNil(t, found, pattern)
		return string(found[1])
	}
	want := config(labels{version: "${VERSION}", revision: "${REVISION}"})
	require.Equal(t, want.User, said(`USER (.*)`))
	require.Equal(t, fmt.Sprintf("[%q]", want.Entrypoint[0]), said(`ENTRYPOINT (.*)`))
	require.Equal(t, fmt.Sprintf("[%q]", want.Cmd[0]), said(`CMD (.*)`))
	require.Equal(t, strings.Join(want.Env, " "), said(`ENV (.*)`))
	require.Equal(t, want.WorkingDir, said(`WORKDIR (/)`))
	require.Equal(t, want.StopSignal, said(`STOPSIGNAL (.*)`))
	for _, port := range strings.Fields(said(`EXPOSE (.*)`)) {
		require.Contains(t, want.ExposedPorts, port)
	}
	delete(want.Labels, "org.opencontainers.image.created")
	for name, value := range want.Labels {
		require.Contains(t, string(text), fmt.Sprintf("%s=%q", name, value))
	}

	module, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	asked := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.(\d+)$`).FindSubmatch(module)
	require.NotNil(t, asked)
	var patch, least int
	_, err = fmt.Sscanf(said(`ARG GO_VERSION=`+regexp.QuoteMeta(string(asked[1]))+`\.(\d+)`), "%d", &patch)
	require.NoError(t, err)
	_, err = fmt.Sscan(string(asked[2]), &least)
	require.NoError(t, err)
	require.GreaterOrEqual(t, patch, least)
}
