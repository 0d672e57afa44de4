package feed

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

const (
	// TopicFeed is marked when events got positions (P6.1).
	TopicFeed = "feed"

	// streamPoll is how often the feed is looked at without a wake-up, while consoles listen.
	streamPoll = time.Second
	// streamPause is the shortest time between two looks: people do not read faster, and a look is for all of them.
	streamPause = 50 * time.Millisecond
	// streamRows is how many events one look brings.
	streamRows = 1_000
	// streamBuffer is how many looks a listener may be behind before it is let go.
	streamBuffer = 32
	// streamCatchUp is how many events a console that comes back is told of; with more, reading everything again is cheaper.
	streamCatchUp = 1_000
	// streamConsoles is how many may listen in one process, streamsOfTenant how many of those may be one tenant's, and
	// streamsOfAgent how many one agent's: a hundred agents with all of theirs would leave none to the others.
	streamConsoles  = 2_000
	streamsOfTenant = 500
	streamsOfAgent  = 20
)

// The kinds of news that are not about one resource.
const (
	NewsReady  = "ready"  // connected: what is read from now on is complete together with what comes
	NewsResync = "resync" // more was missed than can be told: everything shown has to be read again
)

// News is one thing that a console is told: that something happened, not what it is like now.
type News struct {
	Type    string     `json:"type"` // conversation, contact, ready, resync, or the kind of a notice
	ID      *uuid.UUID `json:"id,omitempty"`
	Version *int64     `json:"version,omitempty"` // the conversation's
	Events  []string   `json:"events,omitempty"`  // the types of what happened to it
	*ActionNews
}

// NewsBatch is what one look at the feed brought for one tenant.
type NewsBatch struct {
	News   []News
	Cursor string // goes on after all of them; empty where only notices are in it

	upTo *int64 // what Cursor says
}

// Stream is a console's view of what happens. Close it.
type Stream struct {
	C     <-chan NewsBatch // closed when the listener is too far behind; it should come back with its last cursor
	Close func()
}

// broadcaster passes on what happens to all who listen in this process.
type broadcaster struct {
	arrived chan struct{} // a console listens

	mu        sync.Mutex
	told      int64 // position up to which listeners have been told
	listeners map[*listener]struct{}
}

type listener struct {
	tenantID, agentID uuid.UUID
	news              chan NewsBatch
}

// Listen tells an agent what happens in the tenant from now on, or from after the cursor of an earlier NewsBatch. One look at the
// feed serves all listeners of the process, however many. Errors: TOO_MANY_CONSOLES; VALIDATION_FAILED for what is no
// cursor; UNAVAILABLE.
func (s *Store) Listen(
	ctx context.Context, tenantID, agentID uuid.UUID, cursors postgres.CursorList, after string,
) (*Stream, error) {
	from, err := Query{After: after, Cursors: cursors}.after()
	if err != nil {
		return nil, err
	}
	var last int64
	if err := s.db.Lists.Statement.ConnPool.QueryRowContext(ctx, `SELECT last_position FROM feed`).Scan(&last); err != nil {
		return nil, postgres.Doing(err, "read the feed's last position")
	}
	l := &listener{tenantID: tenantID, agentID: agentID, news: make(chan NewsBatch, streamBuffer)}
	start, err := s.stream.add(l, last)
	if err != nil {
		return nil, err
	}
	first := NewsBatch{News: []News{{Type: NewsReady}}, upTo: &start}
	if from != nil && *from != start {
		if first, err = s.missed(ctx, tenantID, *from, start, max(start, last)); err != nil {
			s.stream.remove(l)
			return nil, err
		}
	}
	// What has happened since start may be in the channel already: what came before has to come first.
	out := make(chan NewsBatch)
	done := make(chan struct{})
	go func() {
		defer close(out)
		for next, ok := first, true; ok; next, ok = <-l.news {
			if next.upTo != nil {
				next.Cursor = Cursor(cursors, *next.upTo)
			}
			select {
			case out <- next:
			case <-done:
				return
			}
		}
	}()
	return &Stream{C: out, Close: sync.OnceFunc(func() {
		close(done)
		s.stream.remove(l)
	})}, nil
}

func (l *broadcaster) add(added *listener, last int64) (start int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own, tenants := 0, 0
	for other := range l.listeners {
		if other.tenantID == added.tenantID {
			tenants++
		}
		if other.agentID == added.agentID {
			own++
		}
	}
	if own >= streamsOfAgent || tenants >= streamsOfTenant || len(l.listeners) >= streamConsoles {
		return 0, problem.New(problem.Limited, problem.CodeTooManyConsoles,
			"at most %d consoles of one agent, %d of one tenant and %d in all can be open on this server: "+
				"close some, or try again later", streamsOfAgent, streamsOfTenant, streamConsoles).With("retryAfter", 30)
	}
	if len(l.listeners) == 0 {
		l.told = last
		l.listeners = map[*listener]struct{}{}
		select {
		case l.arrived <- struct{}{}:
		default:
		}
	}
	l.listeners[added] = struct{}{}
	return l.told, nil
}

func (l *broadcaster) remove(removed *listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.listeners[removed]; ok {
		delete(l.listeners, removed)
		close(removed.news)
	}
}

// tell gives every listener of the tenant its batch. Who has too much unread is let go.
func (l *broadcaster) tell(tenantID uuid.UUID, batch NewsBatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for listener := range l.listeners {
		if listener.tenantID != tenantID {
			continue
		}
		if len(listener.news) >= streamBuffer {
			delete(l.listeners, listener)
			close(listener.news)
			continue
		}
		listener.news <- batch
	}
}

// tenants are those that consoles listen to, and the position up to which they have been told.
func (l *broadcaster) tenants() (ids []uuid.UUID, told int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for listener := range l.listeners {
		if !slices.Contains(ids, listener.tenantID) {
			ids = append(ids, listener.tenantID)
		}
	}
	return ids, l.told
}

// advance moves told, unless a console has come meanwhile whose tenant was not looked at.
func (l *broadcaster) advance(told int64, looked []uuid.UUID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for listener := range l.listeners {
		if !slices.Contains(looked, listener.tenantID) {
			return false
		}
	}
	l.told = max(l.told, told)
	return true
}

// runStream looks at the feed while consoles listen: when it is woken, at least every second, and passes on notices.
func (s *Store) runStream(ctx context.Context) {
	wake, stop := s.db.Wakeups.Listen(TopicFeed)
	defer stop()
	notices, end := s.db.Wakeups.Watch(noticePrefix)
	defer end()
	go func() {
		for topic := range notices {
			if tenantID, news, ok := parseNotice(topic); ok {
				s.stream.tell(tenantID, NewsBatch{News: []News{news}})
			}
		}
	}()
	for ctx.Err() == nil {
		tenants, told := s.stream.tenants()
		if len(tenants) == 0 {
			select {
			case <-s.stream.arrived:
			case <-ctx.Done():
			}
			continue
		}
		n, err := s.look(ctx, tenants, told)
		if err != nil && ctx.Err() == nil {
			s.db.Log.Warn("consoles are not told what happens; trying again", "error", err)
		}
		postgres.Pause(ctx, nil, streamPause)
		if n < streamRows {
			postgres.Pause(ctx, wake, streamPoll)
		}
	}
}

// feedRow is what consoles need of an event.
type feedRow struct {
	TenantID       uuid.UUID
	Position       int64
	Type           string
	ConversationID *uuid.UUID
	ContactID      *uuid.UUID
	Version        *int64
}

// look reads what has happened in the tenants since told, passes it on, and returns how much it was;
// streamRows where it is worth looking again at once.
func (s *Store) look(ctx context.Context, tenants []uuid.UUID, told int64) (int, error) {
	var rows []feedRow
	err := s.db.Main.WithContext(ctx).Raw(`SELECT tenant_id, position, type, conversation_id, contact_id, version FROM events
		WHERE tenant_id = ANY (?) AND position > ? ORDER BY position LIMIT ?`, postgres.UUIDs(tenants), told, streamRows).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return 0, postgres.Doing(err, "read what happened after %d", told)
	}
	// Before they are told: who comes now starts after these.
	upTo := rows[len(rows)-1].Position
	if !s.stream.advance(upTo, tenants) {
		return streamRows, nil
	}
	for _, id := range tenants {
		var own []feedRow
		for _, r := range rows {
			if r.TenantID == id {
				own = append(own, r)
			}
		}
		if len(own) > 0 {
			s.stream.tell(id, NewsBatch{News: newsOf(own), upTo: &upTo})
		}
	}
	return len(rows), nil
}

// missed is what happened in the tenant after from, up to and including to. A cursor between to and the newest position is
// of a process that was quicker; one beyond it is of a database that was restored to an earlier state.
func (s *Store) missed(ctx context.Context, tenantID uuid.UUID, from, to, newest int64) (NewsBatch, error) {
	batch := NewsBatch{News: []News{{Type: NewsReady}}, upTo: &to}
	var floor int64
	var rows []feedRow
	db := s.db.Lists.WithContext(ctx)
	err := db.Raw(`SELECT coalesce((SELECT position FROM feed_floors WHERE tenant_id = ?), 0)`, tenantID).Scan(&floor).Error
	if err == nil {
		err = db.Raw(`SELECT tenant_id, position, type, conversation_id, contact_id, version FROM events
			WHERE tenant_id = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?`,
			tenantID, from, to, streamCatchUp+1).Scan(&rows).Error
	}
	if err != nil {
		return batch, postgres.Doing(postgres.ListError(ctx, err), "read what a console has missed")
	}
	if from < floor || from > newest || len(rows) > streamCatchUp {
		batch.News = append(batch.News, News{Type: NewsResync})
		return batch, nil
	}
	batch.News = append(batch.News, newsOf(rows)...)
	return batch, nil
}

// newsOf makes of events one piece of news for each conversation and contact, in the order of their first events.
func newsOf(rows []feedRow) []News {
	var news []News
	place := map[uuid.UUID]int{}
	for _, r := range rows {
		kind, id := "conversation", r.ConversationID
		if id == nil {
			kind, id = "contact", r.ContactID
		}
		if id == nil {
			continue
		}
		i, known := place[*id]
		if !known {
			i = len(news)
			place[*id] = i
			news = append(news, News{Type: kind, ID: id})
		}
		n := &news[i]
		if r.Version != nil {
			n.Version = r.Version // they rise (P6.1)
		}
		if !slices.Contains(n.Events, r.Type) {
			n.Events = append(n.Events, r.Type)
		}
	}
	return news
}

// ActionNews is what consoles are told of a dock's action (P8.3): enough to say who did what, and nothing of what it was done
// with.
type ActionNews struct {
	ConversationID uuid.UUID `json:"conversationId"`
	DockID         uuid.UUID `json:"dockId"`
	Dock           string    `json:"dock"` // its name
	AgentID        uuid.UUID `json:"agentId"`
	Action         string    `json:"action"`
	Status         string    `json:"status"`
}

// ActionNotice is the topic to wake after the commit that decided an action of a dock with this id.
func ActionNotice(tenantID, id uuid.UUID, about ActionNews) string {
	text, _ := json.Marshal(about) // ids and text, which cannot fail
	return Notice(tenantID, NoticeDockAction, id, 0) + "/" + string(text)
}

// noticePrefix begins the topics of notices. A notice is a wake-up that says what it is about: like every other it can be
// lost, and says nothing that cannot be read elsewhere.
const noticePrefix = "notice/"

// NoticeWebhook is the kind of notice about a webhook whose circuit opened or closed, or which was switched off.
const NoticeWebhook = "webhook"

// NoticeDockAction is the kind of notice about what became of something that a dock asked for.
const NoticeDockAction = "dock_action"

// NoticeDocks is the kind of notice about a dock that was made, changed or deleted: what may be framed, and what agents see
// beside conversations, is another.
const NoticeDocks = "docks"

// NoticeConversation is the kind of notice about a conversation in which something happened that is no event: it got a note,
// which is no change of its version, or its deadlines have moved.
const NoticeConversation = "conversation"

// NoticeTime is the kind of notice that clocks have come to go by an edited time configuration: deadlines have moved, and
// the versions of their conversations with them, without an event. Its id is the tenant's.
const NoticeTime = "time"

// Notice is the topic to mark after a commit (P9) that tells the tenant's consoles of something that is no event: that a
// kind of thing, such as a webhook, with this id has changed. version is its own, 0 if it has none.
func Notice(tenantID uuid.UUID, kind string, id uuid.UUID, version int64) string {
	return strings.Join([]string{noticePrefix + tenantID.String(), kind, id.String(), strconv.FormatInt(version, 10)}, "/")
}

func parseNotice(topic string) (tenantID uuid.UUID, news News, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(topic, noticePrefix), "/", 5)
	if len(parts) < 4 {
		return tenantID, news, false
	}
	tenantID, err := uuid.Parse(parts[0])
	id, err2 := uuid.Parse(parts[2])
	version, err3 := strconv.ParseInt(parts[3], 10, 64)
	news = News{Type: parts[1], ID: &id}
	if version > 0 {
		news.Version = &version
	}
	if len(parts) == 5 {
		err = errors.Join(err, json.Unmarshal([]byte(parts[4]), &news.ActionNews))
	}
	return tenantID, news, err == nil && err2 == nil && err3 == nil
}
