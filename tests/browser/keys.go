package browser

import (
	"unicode/utf8"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// Press presses keys one after the other, as a user's keyboard does: text, or keys such as kb.Enter. Each is down and up
// again; what a page prevents when it is down is not typed, which the driver's own way of pressing keys would do.
func (tab *Tab) Press(keys string) {
	tab.t.Helper()
	for _, key := range keys {
		tab.press(key, 0)
	}
}

// PressWith presses one key while others are held, such as chromedp.ModifierCtrl.
func (tab *Tab) PressWith(held chromedp.Modifier, key string) {
	tab.t.Helper()
	r, _ := utf8.DecodeRuneInString(key)
	tab.press(r, held)
}

func (tab *Tab) press(key rune, held chromedp.Modifier) {
	tab.t.Helper()
	strokes := kb.Encode(key)
	down, up := strokes[0], strokes[len(strokes)-1]
	down.Modifiers |= int64(held)
	up.Modifiers |= int64(held)
	if len(strokes) == 3 && held&^chromedp.ModifierShift == 0 {
		down.Text, down.UnmodifiedText = strokes[1].Text, strokes[1].UnmodifiedText
	}
	for _, stroke := range []*input.DispatchKeyEventParams{down, up} {
		_, err := chromedp.Call(tab.ctx, input.DispatchKeyEvent, *stroke)
		require.NoError(tab.t, err)
	}
}

// Wheel scrolls what a CSS selector finds down by so many pixels, at a pace a person reads along with, as a mouse
// wheel does.
func (tab *Tab) Wheel(selector string, pixels float64) {
	tab.t.Helper()
	at := Get[[]float64](tab, `(() => {
		const box = document.querySelector(%q).getBoundingClientRect();
		return [box.left + box.width / 2, box.top + box.height / 2];
	})()`, selector)
	_, err := chromedp.Call(tab.ctx, input.SynthesizeScrollGesture, input.SynthesizeScrollGestureParams{
		X: at[0], Y: at[1], YDistance: -pixels, Speed: 2000, GestureSourceType: input.GestureSourceTypeMouse,
	})
	require.NoError(tab.t, err)
}
