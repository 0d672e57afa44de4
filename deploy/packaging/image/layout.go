package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// labels are what an image says of itself.
type labels struct {
	version, revision string
	created           time.Time // of the commit; of every file, too
}

// all are the labels by the names that the OCI image specification gives them.
func (l labels) all() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       "Atender",
		prefix + "description": "Self-hosted integration platform for customer conversations",
		prefix + "source":      "https://github.com/atender/atender",
		prefix + "version":     l.version,
		prefix + "revision":    l.revision,
		prefix + "created":     l.created.Format(time.RFC3339),
		prefix + "licenses":    "MIT",
	}
}

// config is how a container of the image runs. The Dockerfile says the same, which a test holds it to.
func config(l labels) v1.Config {
	user := strconv.Itoa(userID)
	return v1.Config{
		User:       user + ":" + user, // a number, so that Kubernetes can see that it is not root
		Entrypoint: []string{"/" + binaryPath},
		Cmd:        []string{"--help"},
		WorkingDir: "/",
		// Other containers ask for the metrics, so they are not on the container's loopback address.
		Env:          []string{"PATH=/usr/bin", "ATENDER_METRICS_ADDR=:9090", "ATENDER_WORKER_METRICS_ADDR=:9091"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}, "9091/tcp": {}},
		Labels:       l.all(),
		StopSignal:   "SIGTERM",
	}
}

// writeLayout writes the images of all platforms, and the index of them, as an OCI layout. It returns the index's digest.
func writeLayout(out string, base []file, built map[platform][]byte, l labels) (v1.Hash, error) {
	shared, err := layer(base, l.created)
	if err != nil {
		return v1.Hash{}, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	byName := func(a, b platform) int { return strings.Compare(a.String(), b.String()) }
	for _, p := range slices.SortedFunc(maps.Keys(built), byName) {
		img, err := image(p, shared, built[p], l)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("image of %s: %w", p, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: plainImage{img}, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	index = mutate.Annotations(index, l.all()).(v1.ImageIndex)
	if err := clearLayout(out); err != nil {
		return v1.Hash{}, err
	}
	// One entry, the index: tools that are given the directory then need not be told which image is meant.
	written, err := layout.Write(out, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	err = written.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": l.version,
		"io.containerd.image.name":          "docker.io/library/atender:" + l.version, // what docker load calls it
	}))
	if err != nil {
		return v1.Hash{}, err
	}
	return index.Digest()
}

// plainImage is an image of which the index says no type of artifact: the library would say its configuration's, and engines
// may take what has a type for something that is not run.
type plainImage struct{ v1.Image }

// ArtifactType is what the library asks for.
func (plainImage) ArtifactType() (string, error) { return "", nil }

// clearLayout removes an older layout, and refuses to remove anything else.
func clearLayout(out string) error {
	entries, err := os.ReadDir(out)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(out, "oci-layout")); err != nil {
		return fmt.Errorf("it is not empty and not an OCI layout, and is left as it is: %w", err)
	}
	return os.RemoveAll(out)
}

// image is the image of a platform: the layer that all have, and one with the binary.
func image(p platform, base v1.Layer, binary []byte, l labels) (v1.Image, error) {
	top, err := layer([]file{binaryFile(binary)}, l.created)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	// The configuration comes first: layers are added to its list.
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: p.os, Architecture: p.arch, Created: v1.Time{Time: l.created}, Config: config(l),
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		layer v1.Layer
		what  string
	}{{base, "users, certificate authorities, time zones"}, {top, "atender " + l.version}} {
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:   part.layer,
			History: v1.History{Created: v1.Time{Time: l.created}, CreatedBy: "deploy/packaging/image", Comment: part.what},
		})
		if err != nil {
			return nil, err
		}
	}
	return mutate.Annotations(img, l.all()).(v1.Image), nil
}

// layer packs files and their directories, in order.
func layer(files []file, modified time.Time) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, dir := range parents(files) {
		header := tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: modified, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	for _, f := range files {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)),
			ModTime: modified, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
