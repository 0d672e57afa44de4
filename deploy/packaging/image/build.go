package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// platform is an operating system and an architecture, as Go names them.
type platform struct{ os, arch string }

// String is the platform as container engines write it.
func (p platform) String() string { return p.os + "/" + p.arch }

func parsePlatform(s string) (p platform, err error) {
	var ok bool
	p.os, p.arch, ok = strings.Cut(s, "/")
	if !ok || p.os != "linux" || p.arch == "" || strings.Contains(p.arch, "/") {
		return p, fmt.Errorf("platform %q: want linux/amd64, linux/arm64 or another linux/ARCHITECTURE", s)
	}
	return p, nil
}

// binary is the content of the atender for a platform: of the one that was given, else of one that is built.
func (o options) binary(p platform) ([]byte, error) {
	if path, ok := o.binaries[p]; ok {
		return os.ReadFile(path)
	}
	dir, err := os.MkdirTemp("", "atender-image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears its directory for temporary files
	path := filepath.Join(dir, "atender")
	// As the Makefile builds it, for each platform; and without what Go records of the work tree, which a source archive
	// does not have.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+o.label.version, "-o", path, ".")
	build.Dir = o.source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	return os.ReadFile(path)
}

// git is what git says in a directory; nothing where there is no git, or no repository.
func git(dir string, args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
