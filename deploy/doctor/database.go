package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
)

const (
	// leastPostgres is the oldest version of PostgreSQL that has what the schema uses: NULLS NOT DISTINCT, of version 15.
	leastPostgres = 150000
	// partitionsSoon and partitionsAhead are how far ahead partitions have to be, and should be: workers make those of three
	// weeks ahead, hourly, so that a week without one of the last means that the upkeep has been away for days.
	partitionsSoon  = 2 * 24 * time.Hour
	partitionsAhead = 14 * 24 * time.Hour
	// clockWarning and clockFailure are how far this machine's clock may be from the database's. What is due is due by the
	// database's, and 2 s late at most; receivers of webhooks refuse signatures whose time, this machine's, is minutes off.
	clockWarning = 500 * time.Millisecond
	clockFailure = 10 * time.Second
	// clockSamples is how often the clocks are compared: the quickest answer says most.
	clockSamples = 5
	// connectionsFull is the part of the connections, in hundredths, from which on the server counts as nearly full.
	connectionsFull = 90
	// zoneYears is for how many years ahead offsets of time zones are compared.
	zoneYears = 10
)

// configuration is whether all variables are right.
func (p *patient) configuration(context.Context) Finding {
	if p.ConfigError == nil {
		return ok("every variable that is set is right")
	}
	lines := []string{logging.ErrorText(p.ConfigError)}
	if wrong, is := errors.AsType[*config.Error](p.ConfigError); is {
		lines = wrong.Lines
	}
	return failed(strings.Join(lines, "; "), "set these variables; atender help config describes each")
}

// database is whether PostgreSQL answers, can be written to and is new enough.
func (p *patient) database(ctx context.Context) Finding {
	switch {
	case p.Config.DatabaseURL == "":
		return skipped("needs " + config.Prefix + "DATABASE_URL")
	case p.store == nil: // the text of the error might show the password
		return failed(
			config.Prefix+"DATABASE_URL is no URL of PostgreSQL",
			"set it to postgres://user:password@host:5432/database; special characters of the password as %XX",
		)
	}
	server, err := p.store.DB.Server(ctx)
	if err != nil {
		return failedWith(
			"PostgreSQL cannot be asked",
			err,
			"see that it runs and that "+config.Prefix+"DATABASE_URL has its host, user, password and database",
		)
	}
	facts := map[string]any{"version": server.VersionText}
	switch {
	case server.Version < leastPostgres:
		return failed(
			"PostgreSQL is "+server.VersionText+", and has to be 15 or newer",
			"upgrade PostgreSQL",
		).with(facts)
	case server.IsReadOnly:
		return failed("the database is read-only: a standby, or told to be", "point "+config.Prefix+
			"DATABASE_URL to the primary, or promote this one").with(facts)
	}
	return ok("PostgreSQL %s answers", server.VersionText).with(facts)
}

// migrations is whether the schema is that of this binary.
func (p *patient) migrations(ctx context.Context) Finding {
	schema, err := p.store.DB.Schema(ctx)
	if err != nil {
		return failedWith("the migrations cannot be read", err)
	}
	facts := map[string]any{
		"version": schema.Version,
		"missing": len(schema.Missing),
		"newer":   len(schema.Newer),
	}
	switch {
	case len(schema.Missing) > 0:
		return failed(
			some(
				len(schema.Missing),
				"migration of this binary is",
				"migrations of this binary are",
			)+" missing: "+listed(
				schema.Missing,
			),
			"atender migrate",
		).with(facts)
	case len(schema.Newer) > 0:
		return warning(
			fmt.Sprintf("the database is at migration %d, which is newer than this binary", schema.Version),
			"run the newer binary; older ones are good for the time of an upgrade only",
		).with(facts)
	}
	return ok("all are applied, up to %d", schema.Version).with(facts)
}

// partitions is whether the weeks ahead have theirs.
func (p *patient) partitions(ctx context.Context) Finding {
	now := p.Now()
	missing, err := p.store.DB.WeeksWithoutPartition(ctx, now, now.Add(partitionsAhead))
	if err != nil {
		return failedWith("the partitions cannot be listed", err)
	}
	if len(missing) == 0 {
		return ok("there for the next two weeks")
	}
	soon, err := p.store.DB.WeeksWithoutPartition(ctx, now, now.Add(partitionsSoon))
	if err != nil {
		return failedWith("the partitions cannot be listed", err)
	}
	do := []string{"atender migrate makes them now", "see that a worker runs: it makes them hourly"}
	if len(soon) > 0 {
		return failed(
			"missing for now or the next two days: "+listed(soon)+"; rows go to the default partitions",
			do...)
	}
	return warning("missing for the coming weeks: "+listed(missing), do...)
}

// clock is how far this machine's clock is from the database's.
func (p *patient) clock(ctx context.Context) Finding {
	best, offset := time.Duration(1<<62), time.Duration(0)
	for range clockSamples {
		asked := p.Now()
		theirs, err := p.store.DB.Now(ctx)
		if err != nil {
			return failedWith("the database's clock cannot be read", err)
		}
		if took := p.Now().Sub(asked); took < best {
			best, offset = took, theirs.Sub(asked.Add(took/2))
		}
	}
	facts := map[string]any{"offsetMs": millis(offset), "withinMs": millis(best / 2)}
	found := fmt.Sprintf(
		"the database's clock is %.1f ms %s this machine's",
		millis(offset.Abs()),
		ahead(offset),
	)
	do := "set both machines' clocks by NTP (chronyc tracking, timedatectl), then the containers follow"
	switch apart := offset.Abs() - best/2; {
	case apart > clockFailure:
		return failed(found, do).with(facts)
	case apart > clockWarning:
		return warning(found, do).with(facts)
	}
	return ok("%s", found).with(facts)
}

func ahead(offset time.Duration) string {
	if offset < 0 {
		return "behind"
	}
	return "ahead of"
}

// timeZones is whether the zones of all opening hours are known, here and by PostgreSQL, and mean the same.
func (p *patient) timeZones(ctx context.Context) Finding {
	zones, err := p.store.Worktime.Zones(ctx)
	if err != nil {
		return failedWith("the time zones in use cannot be listed", err)
	}
	var at []time.Time
	for year := p.Now().Year(); len(at) < 2*zoneYears; year++ {
		at = append(
			at,
			time.Date(year, time.January, 15, 12, 0, 0, 0, time.UTC),
			time.Date(year, time.July, 15, 12, 0, 0, 0, time.UTC),
		)
	}
	var unknown, theirs, other []string
	for _, zone := range zones {
		here, err := calendar.LoadZone(zone)
		if err != nil {
			unknown = append(unknown, zone)
			continue
		}
		offsets, known, err := p.store.DB.ZoneOffsets(ctx, zone, at)
		switch {
		case err != nil:
			return failedWith("PostgreSQL cannot be asked for time zones", err)
		case !known:
			theirs = append(theirs, zone)
		case !same(here, at, offsets):
			other = append(other, zone)
		}
	}
	facts := map[string]any{"zones": len(zones), "goVersion": calendar.ZonesVersion}
	switch {
	case len(unknown) > 0:
		return failed(
			"opening hours are in time zones that this binary does not know, and count as always open: "+listed(
				unknown,
			),
			"change the zone of these opening hours, or run a newer binary",
		).with(facts)
	case len(theirs) > 0:
		return warning("PostgreSQL does not know "+listed(theirs)+"; Atender computes with its own zone data",
			"update the package tzdata on the database's machine").with(facts)
	case len(other) > 0:
		return warning("PostgreSQL and this binary have other offsets in the next years for "+listed(other)+
			"; Atender computes with its own", "update tzdata on the database's machine, or run a newer binary").with(facts)
	}
	return ok(
		"%d in use, known here and to PostgreSQL, with the same offsets for %d years",
		len(zones),
		zoneYears,
	).with(facts)
}

// same tells whether a zone has the given offsets at the given times.
func same(zone *time.Location, at []time.Time, offsets []int) bool {
	for i, t := range at {
		if _, offset := t.In(zone).Zone(); i >= len(offsets) || offset != offsets[i] {
			return false
		}
	}
	return true
}

// connections is whether the server has enough for what the processes may use.
func (p *patient) connections(ctx context.Context) Finding {
	server, err := p.store.DB.Server(ctx)
	if err != nil {
		return failedWith("the limit of connections cannot be read", err)
	}
	usable := server.MaxConnections - server.Reserved
	api, worker := postgres.ConnectionsOf(
		p.Config.DatabaseMaxConns,
		false,
	), postgres.ConnectionsOf(
		p.Config.DatabaseMaxConns,
		true,
	)
	facts := map[string]any{"usable": usable, "inUse": server.InUse, "perAPI": api, "perWorker": worker}
	found := fmt.Sprintf(
		"%d of %d are in use; an API process may use %d, a worker %d",
		server.InUse,
		usable,
		api,
		worker,
	)
	switch {
	case 100*server.InUse >= connectionsFull*usable:
		return warning(
			found,
			"raise max_connections of PostgreSQL, or lower "+config.Prefix+"DATABASE_MAX_CONNS",
			"see who has them: SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2",
		).with(facts)
	case api+worker > usable:
		return warning(
			found+": one of each, fully busy, need more than there are",
			"raise max_connections of PostgreSQL to at least "+
				fmt.Sprint(
					api+worker+server.Reserved,
				)+", or lower "+config.Prefix+"DATABASE_MAX_CONNS",
		).with(facts)
	}
	return ok("%s", found).with(facts)
}

// listedAtMost is how many names a sentence has.
const listedAtMost = 5

// listed are the first few of some names, with how many there are more.
func listed(names []string) string {
	if more := len(names) - listedAtMost; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listedAtMost], ", "), more)
	}
	return strings.Join(names, ", ")
}
