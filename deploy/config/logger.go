package config

import (
	"io"
	"log/slog"

	"github.com/atender/atender/models/logging"
)

// Logger makes the process's logger, as LogFormat and LogLevel say.
func (c Config) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked when the configuration was read
	return logging.New(w, c.LogFormat == "text", level)
}
