// Command vocabulary writes what follows from the vocabularies of the contract, api/openapi.yaml: Go constants, the
// constants and types of the console and of the dock scripts, and the parts of the dock scripts and their guide that list
// the actions. `make generate` runs it; a test fails when what it wrote is stale.
//
// A vocabulary is a schema with an enum. Besides the enum it may have
//
//	x-go:      what to write in Go, a list of targets
//	x-values:  more about its values, by value: go (the constant's identifier), is (its comment), name, …
//	x-sdk:     true where the dock scripts need it
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root, err := moduleRoot()
	if err == nil {
		err = write(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vocabulary:", err)
		os.Exit(1)
	}
}

// contractFile is the document that people write.
const contractFile = "api/openapi.yaml"

func write(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // source code is for all to read
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// generate returns all files that follow from the contract, by their paths in the module.
func generate(root string) (map[string][]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, contractFile))
	if err != nil {
		return nil, err
	}
	c, err := readContract(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", contractFile, err)
	}
	files, err := c.goFiles()
	if err != nil {
		return nil, err
	}
	files["api/console/static/vocabulary.js"] = c.consoleScript()
	files["api/console/static/types.d.ts"] = c.types()
	files["api/sdk/vocabulary.js"], err = c.dockScript()
	if err != nil {
		return nil, err
	}
	return files, c.fillRegions(root, files)
}

// moduleRoot is the directory of go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("no go.mod at or above the working directory")
		}
		dir = above
	}
	return "", err
}
