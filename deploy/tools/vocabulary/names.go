package main

import (
	"regexp"
	"strings"
)

var (
	separators = regexp.MustCompile(`[._:\-]+`)
	humps      = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
)

// initialisms are words that Go writes in capitals.
var initialisms = map[string]string{"api": "API", "id": "ID", "sla": "SLA", "sms": "SMS", "http": "HTTP", "url": "URL"}

// identifier is the Go constant of a value: what x-values says, or the prefix and the value in camel case.
func identifier(prefix string, v value) string {
	if name := v.say("go"); name != "" {
		return name
	}
	name := prefix
	for _, word := range separators.Split(v.text, -1) {
		if word == strings.ToUpper(word) {
			word = strings.ToLower(word)
		}
		if capitals, ok := initialisms[word]; ok {
			name += capitals
		} else if word != "" {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return name
}

// constant is the name of a constant in JavaScript: DockActionKind is DOCK_ACTION_KIND.
func constant(schema string) string {
	return strings.ToUpper(humps.ReplaceAllString(schema, "${1}${3}_${2}${4}"))
}

func plural(constant string) string {
	switch {
	case strings.HasSuffix(constant, "US"):
		return constant + "ES"
	case strings.HasSuffix(constant, "S"):
		return constant
	case strings.HasSuffix(constant, "Y"):
		return strings.TrimSuffix(constant, "Y") + "IES"
	}
	return constant + "S"
}

// comment breaks text into lines of at most width columns that begin with lead.
func comment(lead, text string, width int) string {
	var out strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(lead)+len(line)+1+len(word) > width {
			out.WriteString(lead + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	out.WriteString(lead + line + "\n")
	return out.String()
}
