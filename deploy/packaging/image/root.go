package main

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// userID is the user and the group that the image's processes run as: the number that distroless images have for theirs.
const userID = 65532

// Where things are in the image: where Go's packages crypto/x509 and time look for them on Linux.
const (
	binaryPath      = "usr/bin/atender"
	authoritiesPath = "etc/ssl/certs/ca-certificates.crt"
	zonesPath       = "usr/share/zoneinfo"
	licensePath     = "usr/share/licenses/atender/LICENSE"
)

// The users of the image, by the user's number.
const (
	passwd = "root:x:0:0:root:/:/sbin/nologin\natender:x:%d:%[1]d:Atender:/:/sbin/nologin\n"
	group  = "root:x:0:\natender:x:%d:\n"
)

// file is one file of the root file system. Its directories are 0755, and root owns all of them.
type file struct {
	name string // from the root, without a slash before it
	mode fs.FileMode
	data []byte
}

func binaryFile(data []byte) file { return file{binaryPath, 0o755, data} }

// baseFiles are all files but the binary, sorted. Nothing but they and it is there: no shell, no package manager.
func baseFiles(source string, authorities []byte) ([]file, error) {
	license, err := os.ReadFile(filepath.Join(source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files, err := zones()
	if err != nil {
		return nil, fmt.Errorf("time zones: %w", err)
	}
	files = append(
		files,
		file{"etc/passwd", 0o644, fmt.Appendf(nil, passwd, userID)},
		file{"etc/group", 0o644, fmt.Appendf(nil, group, userID)},
		file{authoritiesPath, 0o644, authorities},
		file{licensePath, 0o644, license},
	)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// readAuthorities is the bundle of certificate authorities: Mozilla's, as package x509roots has them, and those of a
// file, if one is named.
func readAuthorities(more string) ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		// A root whose trust ends at a date is left out: a bundle cannot say so, and would trust it for ever.
		if root.Constraint == nil {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
				return nil, err
			}
		}
	}
	if more == "" {
		return b.Bytes(), nil
	}
	text, err := os.ReadFile(more)
	if err != nil {
		return nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", more)
	}
	b.Write(text)
	return b.Bytes(), nil
}

// zones are the files of the time zone database that the Go toolchain brings: the same as package time/tzdata has in the
// binary. A newer database can be mounted over them, since package time looks for files first.
func zones() (files []file, err error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !fs.ValidPath(f.Name) {
			return nil, fmt.Errorf("a file of the archive is called %q", f.Name)
		}
		data, err := readZipped(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files = append(files, file{path.Join(zonesPath, f.Name), 0o644, data})
	}
	return files, nil
}

func readZipped(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// parents are the directories of files, sorted, without the root.
func parents(files []file) (dirs []string) {
	for _, f := range files {
		for dir := path.Dir(f.name); dir != "."; dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// writeRoot writes the files below an empty directory, which is made if it is not there.
func writeRoot(root string, files []file) error {
	if err := os.MkdirAll(root, 0o755); err != nil { //nolint:gosec // what is in an image is for all to read
		return err
	}
	if there, err := os.ReadDir(root); err != nil || len(there) > 0 {
		return errors.Join(err, fmt.Errorf("%s has to be empty", root))
	}
	for _, dir := range parents(files) {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil { //nolint:gosec // see above
			return err
		}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.name), f.data, f.mode); err != nil {
			return err
		}
	}
	return nil
}
