package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Footprint is what a page holds on to, after the garbage was collected.
type Footprint struct {
	Heap      float64 // of JavaScript, in bytes
	Nodes     int64   // of the DOM, those that only JavaScript still knows included
	Listeners int64   // of events
}

// Footprint measures the page.
func (tab *Tab) Footprint() (f Footprint) {
	tab.t.Helper()
	for range 2 { // what a first round frees may have held more
		_, err := chromedp.Call(tab.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
		require.NoError(tab.t, err)
	}
	heap, err := chromedp.Call(tab.ctx, runtime.GetHeapUsage, cdp.Empty{})
	require.NoError(tab.t, err)
	dom, err := chromedp.Call(tab.ctx, memory.GetDOMCounters, cdp.Empty{})
	require.NoError(tab.t, err)
	return Footprint{Heap: heap.UsedSize, Nodes: dom.Nodes, Listeners: dom.JsEventListeners}
}
