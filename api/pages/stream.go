package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/feed"
)

const (
	// heartbeat is how often a stream says that it is there: proxies close what is silent.
	heartbeat = 15 * time.Second
	// beatsPerCheck is after how many of them the session is looked up, and its agent noted as online
	// (account.WatchingFor); an end that an agent or an owner has asked for is told at once.
	beatsPerCheck = 4
	// streamPatience is how long one write may take before the browser counts as gone.
	streamPatience = 10 * time.Second
)

// events implements GET /console/events: server-sent events (HTML, section 9.2) of what happens in the tenant, for an agent
// who is signed in, until the session ends, the browser goes, or the server stops.
func (p Console) events(c *gin.Context) {
	store := p.Store
	// Streams are few (feed.Store.Listen): no other page, such as a dock on a sibling host, shall use an agent's up.
	err := p.Origin.CheckRead(c.Request)
	var who account.Principal
	if err == nil {
		who, err = middleware.Identify(c, middleware.Credentials{Store: store}, p.Origin, false)
	}
	switch {
	case err != nil:
	case who.Agent == nil:
		err = request.ErrAgentRequired
	default:
		err = who.MayReceive("*")
	}
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	request.SetPrincipal(c, who)
	ctx := c.Request.Context()
	changed, stop := store.SignIns.PrincipalsChanged()
	defer stop()
	after := c.GetHeader("Last-Event-ID")
	if after == "" { // a browser that has not been connected yet, however often it has tried
		after = c.Query("after")
	}
	news, err := store.Feed.Listen(ctx, who.TenantID, who.ID(), feed.Cursors(who.CursorKey), after)
	if err != nil {
		p.Errors.Respond(c, err)
		return
	}
	defer news.Close()
	if _, err := store.SignIns.Watch(ctx, who); err != nil {
		p.Errors.Respond(c, err)
		return
	}
	s := newStream(c.Writer)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for beats := 1; err == nil; {
		var check func(context.Context, account.Principal) (bool, error)
		select {
		case <-ctx.Done():
			return
		case <-p.Closing:
			return
		case batch, ok := <-news.C:
			if !ok {
				return // too slow: the browser comes back, and says what it has heard
			}
			err = s.send(batch)
		case <-changed:
			check = store.SignIns.Lives
		case <-beat.C:
			beats++
			if beats%beatsPerCheck == 0 {
				check = store.SignIns.Watch
			}
			err = s.write(":\n\n")
		}
		if check != nil {
			if lives, failed := check(ctx, who); failed == nil && !lives {
				return
			}
		}
	}
}

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newStream(w http.ResponseWriter) stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep it to itself
	s := stream{w, http.NewResponseController(w)}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's is for requests; none where there is no connection
	return s
}

// send writes a batch. Only its last event carries the cursor: who loses the connection in the middle hears all of it again.
func (s stream) send(batch feed.NewsBatch) error {
	var b strings.Builder
	for i, news := range batch.News {
		data, err := json.Marshal(news)
		if err != nil {
			return err
		}
		if i == len(batch.News)-1 && batch.Cursor != "" {
			fmt.Fprintf(&b, "id: %s\n", batch.Cursor)
		}
		fmt.Fprintf(&b, "data: %s\n\n", data)
	}
	return s.write(b.String())
}

func (s stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamPatience))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
