package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// colours of the states, as ANSI has them.
var colours = map[State]string{OK: "32", Warning: "33", Failed: "31", Skipped: "2"}

// Write shows the report to people: a line for each check, below it what to do, and how many of each at the end.
func (r Report) Write(w io.Writer, inColour bool) error {
	paint := func(s State, text string) string {
		if !inColour {
			return text
		}
		return "\x1b[" + colours[s] + "m" + text + "\x1b[0m"
	}
	width := 0
	for _, f := range r.Checks {
		width = max(width, len(f.Check))
	}
	for _, f := range r.Checks {
		state := paint(f.State, fmt.Sprintf("%-7s", f.State))
		if _, err := fmt.Fprintf(w, "%s  %-*s  %s\n", state, width, f.Check, f.Found); err != nil {
			return err
		}
		for _, step := range f.Do {
			if _, err := fmt.Fprintf(w, "%-*s → %s\n", len("warning")+2+width, "", step); err != nil {
				return err
			}
		}
	}
	took := time.Duration(r.TookMs * float64(time.Millisecond)).Round(100 * time.Millisecond)
	_, err := fmt.Fprintf(
		w,
		"\n%s: %d ok, %d warnings, %d failed, %d skipped, in %s\n",
		paint(r.State, string(r.State)),
		r.Counts[OK],
		r.Counts[Warning],
		r.Counts[Failed],
		r.Counts[Skipped],
		took,
	)
	return err
}

// WriteJSON writes the report for programs, as README.md in this directory describes it.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
