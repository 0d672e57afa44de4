package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/atender/atender/models/seal"
)

// state is what has to stay the same from start to start. It holds secrets.
type state struct {
	PostgresPassword string `json:"postgresPassword"`
	SecretKeys       string `json:"secretKeys"`
	// DatabaseURL is the private database of the latest run, to know it when it comes back through the environment.
	DatabaseURL string `json:"databaseUrl,omitempty"`
	// Seeded is what the demo was given, and what it made. Zero until there is one.
	Seeded Seeded `json:"seeded,omitzero"`

	path string
}

// loadState reads the state, or makes a new one and keeps it.
func loadState(path string) (*state, error) {
	s := &state{path: path}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.PostgresPassword, s.SecretKeys = rand.Text(), seal.GenerateKeyring()
		return s, s.save()
	case err != nil:
		return nil, fmt.Errorf("state of the local stack: %w", err)
	}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("state of the local stack: %s: %w: remove the directory to start afresh", path, err)
	}
	return s, nil
}

func (s *state) save() error {
	if err := writeJSON(s.path, s); err != nil {
		return fmt.Errorf("state of the local stack: %w", err)
	}
	return nil
}
