package feed

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
)

// Member is one key of an event's data with its JSON.
type Member struct {
	name string
	json []byte
}

// Data is a member of an event's data. The value is one of our own shapes, or came as JSON: it panics for what JSON cannot
// hold.
func Data(name string, value any) Member { return Member{name, encode(value)} }

// Render writes the envelope, exactly {"event","tenantId","timestamp","data"}: the event's id travels in the
// headers. The bytes are made once; every delivery, every retry and the feed carry them as they are.
func Render(kind lifecycle.EventType, tenantID uuid.UUID, at time.Time, data ...Member) string {
	size := 128
	for _, f := range data {
		size += len(f.name) + len(f.json) + 4
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(`{"event":"`)
	b.WriteString(string(kind))
	b.WriteString(`","tenantId":"`)
	b.WriteString(tenantID.String())
	b.WriteString(`","timestamp":`)
	b.Write(encode(wire.At(at)))
	b.WriteString(`,"data":{`)
	for i, f := range data {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(f.name)
		b.WriteString(`":`)
		b.Write(f.json)
	}
	b.WriteString("}}")
	return b.String()
}

// encode is v as JSON, with <, > and & as they are: payloads are not HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // only our own shapes and values that came as JSON
		panic("feed: a value that JSON cannot hold: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
