package browser

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// A seat is a tab that one test has after the other: a new one, with the process for its pages, costs more computing than
// most tests do in it. Between two tests everything is taken out of it that a page can leave behind.
type seat struct {
	ctx  context.Context
	quit context.CancelFunc
}

// free are the seats that no test has.
var free struct {
	sync.Mutex
	seats []*seat
}

// wipeTime is how long making a seat ready for the next test may take, before a new one is taken instead.
const wipeTime = 10 * time.Second

// Open gives the test a tab, with cookies and storage of its own, until it ends. Without a Chromium the test fails and says
// how to get one.
func Open(t testing.TB) *Tab {
	t.Helper()
	s := takeSeat(t)
	ctx, leave := context.WithCancel(s.ctx)
	t.Cleanup(func() {
		leave()
		s.giveBack(!t.Failed())
	})
	return use(ctx, t)
}

func takeSeat(t testing.TB) *seat {
	t.Helper()
	browser, err := chromium()
	require.NoError(t, err)
	if s := freeSeat(); s != nil {
		return s
	}
	s := &seat{}
	s.ctx, s.quit = chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	require.NoError(t, chromedp.Do(s.ctx))
	return s
}

// freeSeat is the one that was given back last, nil if there is none.
func freeSeat() *seat {
	free.Lock()
	defer free.Unlock()
	last := len(free.seats) - 1
	if last < 0 {
		return nil
	}
	s := free.seats[last]
	free.seats = free.seats[:last]
	return s
}

// giveBack lets another test have the seat, if it is well and can be wiped.
func (s *seat) giveBack(well bool) {
	if !well || s.wipe() != nil {
		s.quit()
		return
	}
	free.Lock()
	defer free.Unlock()
	free.seats = append(free.seats, s)
}

// lobby is where seats wait for the next test, a page without anything: of the host that most tests are on, whose process
// stays then. Every place has one.
var lobby = sync.OnceValue(func() string {
	p := takePlace("127.0.0.1")
	p.giveBack()
	return p.origin
})

// wipe closes what the pages have opened, leaves the last one, and forgets cookies, storage, history and preferences. What
// is kept is the cache: of files that name their version, and of compiled scripts.
func (s *seat) wipe() error {
	ctx, cancel := context.WithTimeout(s.ctx, wipeTime)
	defer cancel()
	if err := s.closeOthers(ctx); err != nil {
		return err
	}
	if err := s.leave(ctx); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		return err
	}
	for _, origin := range origins() {
		if _, err := chromedp.Call(ctx, storage.ClearDataForOrigin,
			storage.ClearDataForOriginParams{Origin: origin, StorageTypes: stored}); err != nil {
			return err
		}
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{}); err != nil {
		return err
	}
	_, err := chromedp.Call(ctx, page.ResetNavigationHistory, cdp.Empty{})
	return err
}

// stored is what a page can keep at its origin beyond its tab, for the protocol's storage domain.
const stored = "cookies,local_storage,indexeddb,cache_storage,service_workers,file_systems"

// leave goes to the lobby, by way of those of all origins whose pages the tab has shown: a tab's own storage can be emptied
// by a page of its origin only.
func (s *seat) leave(ctx context.Context) error {
	history, err := chromedp.Call(ctx, page.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		return err
	}
	left := map[string]bool{}
	for _, origin := range origins() {
		for _, entry := range history.Entries {
			if strings.HasPrefix(entry.URL, origin+"/") {
				left[origin] = true
			}
		}
	}
	if len(left) == 0 {
		left[lobby()] = true
	}
	for origin := range left {
		if _, err := chromedp.Run(ctx, chromedp.Navigate(origin+lobbyPath)); err != nil {
			return err
		}
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void]("sessionStorage.clear()")); err != nil {
			return err
		}
	}
	return nil
}

// closeOthers closes the windows that pages of the seat have opened and left.
func (s *seat) closeOthers(ctx context.Context) error {
	own := chromedp.FromContext(ctx)
	targets, err := chromedp.Targets(ctx)
	if err != nil {
		return err
	}
	for _, other := range targets {
		if other.Type != "page" || other.BrowserContextID != own.BrowserContextID || other.TargetID == own.Target.TargetID {
			continue
		}
		if _, err := chromedp.Call(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: other.TargetID}); err != nil {
			return err
		}
	}
	return nil
}
