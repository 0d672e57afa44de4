// Command image makes Atender's container image without a container engine: as an OCI layout for several platforms, or,
// for the Dockerfile, as the root file system of one of them. Both have the same files.
//
// From the same commit it makes the same bytes: times are the commit's, what is written is sorted, the binary is built
// without paths, and certificates and time zones are those of a pinned Go module and of the Go toolchain.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	source    string // the repository's root
	out       string // directory of the OCI layout
	root      string // directory of a root file system, instead
	platforms []platform
	binaries  map[platform]string // those that are built already
	authority string              // file with more certificates
	label     labels
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	authorities, err := readAuthorities(o.authority)
	if err != nil {
		return err
	}
	base, err := baseFiles(o.source, authorities)
	if err != nil {
		return err
	}
	built := map[platform][]byte{}
	for _, p := range o.platforms {
		if built[p], err = o.binary(p); err != nil {
			return fmt.Errorf("binary of %s: %w", p, err)
		}
	}
	if o.root != "" {
		return writeRoot(o.root, append(base, binaryFile(built[o.platforms[0]])))
	}
	digest, err := writeLayout(o.out, base, built, o.label)
	if err != nil {
		return fmt.Errorf("write the OCI layout %s: %w", o.out, err)
	}
	fmt.Printf("%s:%s@%s\n", o.out, o.label.version, digest)
	return nil
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.source, "source", "../..", "the repository's `directory`")
	flags.StringVar(&o.out, "out", "../../bin/image", "`directory` of the OCI layout; an older one is replaced")
	flags.StringVar(&o.root, "root", "", "empty `directory` for the root file system of the one platform, instead of a layout")
	flags.StringVar(&o.authority, "ca", "", "PEM `file` of certificate authorities to trust besides the public ones")
	flags.StringVar(&o.label.version, "version", "", "`version` of the binary; that of git when empty")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64", "comma separated `list`")
	o.binaries = map[platform]string{}
	flags.Func("binary", "`platform=path` of a binary that is built already", func(s string) error {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("want platform=path")
		}
		p, err := parsePlatform(name)
		o.binaries[p] = path
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, name := range strings.Split(*platforms, ",") {
		p, err := parsePlatform(name)
		if err != nil {
			return o, err
		}
		o.platforms = append(o.platforms, p)
	}
	if o.root != "" && len(o.platforms) != 1 {
		return o, fmt.Errorf("-root is for one platform: name it with -platforms")
	}
	if o.source, err = filepath.Abs(o.source); err != nil {
		return o, err
	}
	return o, o.fillLabels()
}

// fillLabels takes from git what the command line did not say. Without git, as in a source archive, the version is
// unknown and the time is the epoch.
func (o *options) fillLabels() error {
	if o.label.version == "" {
		o.label.version = orElse(git(o.source, "describe", "--tags", "--always", "--dirty"), "unknown")
	}
	o.label.revision = orElse(git(o.source, "rev-parse", "HEAD"), "unknown")
	o.label.created = time.Unix(0, 0).UTC()
	if seconds := git(o.source, "log", "-1", "--format=%ct"); seconds != "" {
		var unix int64
		if _, err := fmt.Sscan(seconds, &unix); err != nil {
			return fmt.Errorf("time of the commit: %w", err)
		}
		o.label.created = time.Unix(unix, 0).UTC()
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
