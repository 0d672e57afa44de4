package api

import (
	_ "embed" // the document is part of the binary
	"sync"

	"github.com/atender/atender/api/validation"
)

//go:embed openapi.yaml
var documentSource []byte

// readDocument is the document, read once: it takes a few tenths of a second.
var readDocument = sync.OnceValues(func() (*validation.Document, error) { return validation.Parse(documentSource) })

// openDocument is the document of a server that is reached at publicURL; empty for any.
func openDocument(publicURL string) (*validation.Document, error) {
	doc, err := readDocument()
	if err != nil {
		return nil, err
	}
	return doc.At(publicURL)
}
