// Package sdk has the scripts for tool docks: those that docks load from here, those for the pages that hold them in a frame,
// and the style of the pages about them.
package sdk

import "embed"

// Files are the scripts and the style, as they are served below /sdk.
//
//go:embed *.js *.mjs *.d.ts *.css
var Files embed.FS
