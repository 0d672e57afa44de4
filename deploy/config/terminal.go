package config

import (
	"io"
	"os"
)

// InColours tells whether people watch what is written to w, on a terminal, and have not asked for no colours (no-color.org).
func InColours(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
