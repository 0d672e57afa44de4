package dockurl

import (
	"strings"

	"github.com/atender/atender/models/problem"
)

// CheckIcon says what is wrong with a dock's icon: a short text, such as an emoji, or an image as a data: URL.
func CheckIcon(field, icon string) []problem.Field {
	const maxText, maxImage = 16, 16 << 10
	image := false
	for _, kind := range []string{"png", "svg+xml", "webp", "jpeg", "gif"} {
		image = image || strings.HasPrefix(icon, "data:image/"+kind+";base64,")
	}
	switch {
	case image && len(icon) > maxImage:
		return refuser(field)("too_long", "must be an image of at most 16 KiB as a data: URL")
	case !image && len([]rune(icon)) > maxText:
		return refuser(field)("invalid", "must be a few characters, such as an emoji, or an image as data:image/png;base64,…")
	}
	return nil
}
