package models_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// archiving begins at ten o'clock on a Monday that is always open, with conversations archived two hours after they are done.
func archiving(t *testing.T) *slaBench {
	t.Helper()
	b := slaSetup(t, nil)
	b.set(ten.Add(-time.Hour))
	b.autoArchive(&wire.AutoArchive{Hours: 2})
	b.set(ten)
	return b
}

// autoArchive sets the delay, nil for off.
func (b *slaBench) autoArchive(delay *wire.AutoArchive) {
	b.t.Helper()
	_, err := b.Worktime.UpdateSettings(b.t.Context(), b.tenant.ID,
		worktime.SettingsUpdate{AutoArchive: wire.Optional[wire.AutoArchive]{Set: true, Value: delay}})
	require.NoError(b.t, err)
}

func (b *slaBench) walk() conversation.Recomputed {
	b.t.Helper()
	done, err := b.Clocks.Recompute(b.t.Context(), b.tenant.ID)
	require.NoError(b.t, err)
	require.False(b.t, done.Left)
	return done
}

func (b *slaBench) read(id uuid.UUID) conversation.Conversation {
	b.t.Helper()
	c, err := b.Conversations.Get(b.t.Context(), b.tenant.ID, id)
	require.NoError(b.t, err)
	return c
}

func (b *slaBench) done(reference string) conversation.Conversation {
	b.t.Helper()
	return b.change(b.conversation(reference).ID, conversation.Resolve{})
}

// closedToday is open on workdays, but not on the day of the test.
var closedToday = calendar.Rule{
	Zone: "UTC", Weekly: slots("09:00", "17:00", workdays...), Overrides: []calendar.Override{{Date: "2026-05-04"}},
}

// lookers are all ways in which a conversation is looked at without a change; the walk, which looks at every one, comes last.
var lookers = []struct {
	who  string
	look func(b *slaBench, id uuid.UUID)
}{
	{"its workflow", func(b *slaBench, id uuid.UUID) { b.tick(id) }},
	{"the guard", func(b *slaBench, id uuid.UUID) {
		_, err := b.Clocks.TickOverdue(b.t.Context(), b.tenant.ID, id)
		require.NoError(b.t, err)
	}},
	{"somebody", func(b *slaBench, id uuid.UUID) { b.change(id, conversation.RemoveTag{Name: "none"}) }},
	{"the walk", func(b *slaBench, _ uuid.UUID) { b.walk() }},
}

// P1.4: done at ten, it would have been archived at noon; at eleven that was put off, and the next tick came at one.
func TestWhatAnEditHasPutOffIsNotArchived(t *testing.T) {
	for what, x := range map[string]struct {
		edit func(b *slaBench)
		want *time.Time
	}{
		"switched off": {func(b *slaBench) { b.autoArchive(nil) }, nil},
		"longer":       {func(b *slaBench) { b.autoArchive(&wire.AutoArchive{Days: 30}) }, new(ten.AddDate(0, 0, 30))},
		"other hours":  {func(b *slaBench) { b.opening(closedToday) }, new(ten.Add(25 * time.Hour))},
		"off, and on for longer": {func(b *slaBench) {
			b.autoArchive(nil)
			b.set(ten.Add(150 * time.Minute)) // after noon
			b.autoArchive(&wire.AutoArchive{Days: 30})
		}, new(ten.AddDate(0, 0, 30))},
	} {
		t.Run(what, func(t *testing.T) {
			b := archiving(t)
			var done []uuid.UUID
			for _, l := range lookers {
				c := b.done(l.who)
				require.WithinDuration(t, ten.Add(2*time.Hour), *c.AutoArchiveAt, 0)
				done = append(done, c.ID)
			}
			written := b.done("the customer")
			b.pass(time.Hour)
			x.edit(b)
			b.set(ten.Add(3 * time.Hour))
			p := b.post(written.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text("One more thing.")})
			require.Equal(t, written.ID, p.Conversation.ID, "reopened, and no successor")
			require.Equal(t, lifecycle.Active, p.Conversation.Status)
			require.Nil(t, p.Conversation.AutoArchiveAt)
			for i, l := range lookers {
				l.look(b, done[i])
				c := b.read(done[i])
				require.Equal(t, lifecycle.Done, c.Status, l.who)
				requireSameTime(t, x.want, c.AutoArchiveAt)
			}
		})
	}
}

func requireSameTime(t *testing.T, want, got *time.Time) {
	t.Helper()
	if want == nil || got == nil {
		require.Equal(t, want, got)
		return
	}
	require.WithinDuration(t, *want, *got, 0)
}

// P1.4: what was due at noon is archived, however late the tick comes, and whatever was decided at half past twelve.
func TestWhatWasDueBeforeAnEditIsArchived(t *testing.T) {
	b := archiving(t)
	var done []uuid.UUID
	for _, l := range lookers {
		done = append(done, b.done(l.who).ID)
	}
	b.set(ten.Add(150 * time.Minute))
	b.autoArchive(nil)
	b.pass(10 * time.Minute)
	b.autoArchive(&wire.AutoArchive{Days: 30})
	b.pass(time.Hour)
	for i, l := range lookers {
		l.look(b, done[i])
		require.Equal(t, lifecycle.Archived, b.read(done[i]).Status, l.who)
	}
	require.Equal(t, len(done), b.count(`SELECT count(*) FROM timeline WHERE kind = 'archived'`))
}

// A transaction that waited for the lock may have read the tenant before an edit that the conversation goes by
// already.
func TestAConversationIsNotTakenBackToAnOlderConfiguration(t *testing.T) {
	b := archiving(t)
	c := b.done("a")
	b.set(ten.Add(3 * time.Hour))
	tx, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE`, c.ID)
	require.NoError(t, err)
	ticked := make(chan error)
	go func() {
		_, err := b.Clocks.Tick(t.Context(), b.tenant.ID, c.ID, "")
		ticked <- err
	}()
	require.Eventually(t, func() bool {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	}, 10*time.Second, 5*time.Millisecond)
	b.set(ten.Add(time.Hour)) // off since eleven, and the walk was here
	b.autoArchive(nil)
	_, err = tx.ExecContext(t.Context(), `UPDATE conversations SET (time_version, auto_archive_at, next_due_at) = ($1, NULL, NULL)
		WHERE id = $2`, b.version(), c.ID)
	require.NoError(t, err)
	b.set(ten.Add(3 * time.Hour))
	require.NoError(t, tx.Commit())
	require.NoError(t, <-ticked)
	require.Equal(t, lifecycle.Done, b.read(c.ID).Status)
}

// Conversations that are done follow the setting, the hours and their team, and their workflow, which had ended, is told.
func TestAutoArchiveFollowsItsRules(t *testing.T) {
	b := slaSetup(t, nil)
	c := b.done("a")
	require.Nil(t, c.AutoArchiveAt)
	require.True(t, b.tick(c.ID).MayEnd)
	b.exec(`DELETE FROM outbox`)
	at := func(want time.Time, signaled bool) {
		t.Helper()
		require.Equal(t, 1, b.walk().Visited)
		require.WithinDuration(t, want, *b.read(c.ID).AutoArchiveAt, 0)
		require.Equal(t, signaled, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, c.ID) == 1)
		require.WithinDuration(t, want, *b.tick(c.ID).NextDue, 0)
		b.exec(`DELETE FROM outbox`)
	}
	b.autoArchive(&wire.AutoArchive{Days: 3})
	at(ten.AddDate(0, 0, 3), true)
	b.autoArchive(&wire.AutoArchive{Days: 2})
	at(ten.AddDate(0, 0, 2), true)
	b.opening(closedToday)
	at(ten.AddDate(0, 0, 2), false) // Wednesday at ten, as before
	b.autoArchive(&wire.AutoArchive{Days: 1, Hours: 8})
	at(ten.AddDate(0, 0, 2), false) // Tuesday at ten and eight hours more

	team, err := b.Accounts.CreateTeam(t.Context(), b.tenant.ID, account.NewTeam{Name: "Night"})
	require.NoError(t, err)
	night := b.opening(calendar.Rule{Zone: "Etc/UTC", Weekly: slots("00:00", "24:00", everyday...)})
	_, err = b.Worktime.CreateOpeningHoursAssignment(t.Context(), b.tenant.ID,
		worktime.NewOpeningHoursAssignment{OpeningHoursID: night.ID, TeamID: &team.ID})
	require.NoError(t, err)
	at(ten.AddDate(0, 0, 2), false)
	moved := b.change(c.ID, conversation.Assign{TeamID: wire.Some(team.ID)})
	require.WithinDuration(t, ten.Add(32*time.Hour), *moved.AutoArchiveAt, 0)
	b.autoArchive(nil)
	require.Equal(t, 1, b.walk().Visited)
	require.Nil(t, b.read(c.ID).AutoArchiveAt)
	require.True(t, b.tick(c.ID).MayEnd)
}

// Switched on at one o'clock, it archives what has been done for longer, and is not late with it.
func TestAutoArchiveThatIsSwitchedOnArchivesWhatIsDone(t *testing.T) {
	b := slaSetup(t, nil)
	old := b.done("old")
	b.set(ten.Add(150 * time.Minute))
	young := b.done("young")
	b.set(ten.Add(3 * time.Hour))
	b.autoArchive(&wire.AutoArchive{Hours: 2})
	done := b.walk()
	require.Equal(t, 2, done.Visited)
	require.Len(t, done.Fired, 1)
	require.Equal(t, "archive", done.Fired[0].Kind)
	require.Zero(t, done.Fired[0].Lag)
	require.Equal(t, lifecycle.Archived, b.read(old.ID).Status)
	require.WithinDuration(t, ten.Add(270*time.Minute), *b.read(young.ID).AutoArchiveAt, 0)
}

func TestANewDoneStartsAutoArchiveAfresh(t *testing.T) {
	b := archiving(t)
	c := b.done("a")
	b.pass(time.Hour)
	b.change(c.ID, conversation.Reopen{})
	b.pass(30 * time.Minute)
	c = b.change(c.ID, conversation.Resolve{})
	require.WithinDuration(t, ten.Add(210*time.Minute), *c.AutoArchiveAt, 0)
	b.set(ten.Add(2 * time.Hour))
	require.Empty(t, b.tick(c.ID).Fired)
	c = b.change(c.ID, conversation.Reopen{}, conversation.Resolve{})
	require.WithinDuration(t, ten.Add(4*time.Hour), *c.AutoArchiveAt, 0, "also in one step")
	b.set(ten.Add(4 * time.Hour))
	require.Len(t, b.tick(c.ID).Fired, 1)
	require.Equal(t, lifecycle.Archived, b.read(c.ID).Status)
}
