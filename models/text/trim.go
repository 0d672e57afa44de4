// Package text has what holds for every text that people read as a name: subjects, names, tags. It is pure.
package text

import (
	"strings"
	"unicode"
)

// blankRunes look like nothing, though Unicode counts them as letters or symbols.
var blankRunes = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
	{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille pattern blank
	{Lo: 0x3164, Hi: 0x3164, Stride: 1},
	{Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
}}

// Trim takes the spaces around a text off. A text of which nothing can be seen is empty, whatever it is made of: format
// characters, such as U+200B, stay where there is something to see.
func Trim(text string) string {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.In(r, unicode.Zs, blankRunes) }) {
		return text
	}
	return ""
}
