package conversation

import (
	"reflect"
	"time"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// versionStep is the least by which a conversation's updatedAt moves with its version: what is shown of it are milliseconds,
// and a clock may be behind that of the writer before.
const versionStep = time.Millisecond

// countVersion raises the version and moves updatedAt with it, exactly when the write changes what a read of the conversation
// shows, or owes events, which a version orders (P1.5). A note does neither. It is called before the row takes over what
// the write made.
func (w *write) countVersion() {
	if !w.changesShown() {
		return
	}
	c := &w.conversation
	c.Version++
	c.UpdatedAt = wire.Latest(w.now, c.UpdatedAt.Add(versionStep))
}

func (w *write) changesShown() bool {
	if w.isNew || len(w.owedEvents()) > 0 || !reflect.DeepEqual(shownState(w.change.Before), shownState(w.change.After)) {
		return true
	}
	return w.board != nil && !showTheSame(w.conversation.Clocks, w.board.Clocks())
}

// shownState is the state without what no read of the conversation shows.
func shownState(s lifecycle.State) lifecycle.State {
	s.OpenedAt, s.WaitingSince, s.SLADueAt, s.SLABreachedSince, s.AutoArchiveAt = nil, nil, nil, nil, nil
	return s
}

// showTheSame tells whether clocks are shown alike (worktime.Rules.Shown): what they remember besides does not count, nor whether
// they are paused, which follows from the time of the read.
func showTheSame(before, after []sla.Clock) bool {
	if len(before) != len(after) {
		return false
	}
	for i, b := range before {
		a := after[i]
		same := b.Metric == a.Metric && b.Cycle == a.Cycle && b.PolicyID == a.PolicyID && b.PolicyName == a.PolicyName &&
			b.State == a.State && b.Outcome == a.Outcome && b.StartedAt.Equal(a.StartedAt) &&
			wire.SameTime(b.StoppedAt, a.StoppedAt)
		for trip := range b.Due {
			same = same && wire.SameTime(b.Due[trip], a.Due[trip])
		}
		if !same {
			return false
		}
	}
	return true
}

// countContactVersions adds to the statement that writes a contact the next version of each conversation that shows it:
// they are locked in the order of P1.2, behind the contact. One that another writer changes just now is waited for.
func (w *write) countContactVersions(st *postgres.Statement) {
	ct := &w.conversation.Contact
	st.With("shows_contact", `SELECT tenant_id, id FROM conversations
		WHERE tenant_id = `+st.Arg(ct.TenantID)+` AND contact_id = `+st.Arg(ct.ID)+` ORDER BY id FOR NO KEY UPDATE`)
	st.With("contact_version", `UPDATE conversations c SET version = c.version + 1,
			updated_at = greatest(`+st.Arg(w.now)+`::timestamptz, c.updated_at + make_interval(secs => `+
		st.Arg(versionStep.Seconds())+`))
		FROM shows_contact s WHERE c.tenant_id = s.tenant_id AND c.id = s.id RETURNING c.tenant_id, c.id, c.updated_at`)
	st.With("contact_recency", `UPDATE conversation_recency r SET updated_at = v.updated_at
		FROM contact_version v WHERE r.tenant_id = v.tenant_id AND r.conversation_id = v.id`)
}
