package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// consoleAttributes are the attributes of values that the console shows, with the endings of their constants' names.
var consoleAttributes = []struct{ name, ending string }{
	{"name", "_NAMES"}, {"todo", "_TODO"}, {"done", "_DONE"}, {"happened", "_HAPPENED"}, {"preview", "_PREVIEW"},
}

// consoleScript is the console's vocabulary.js.
func (c *contract) consoleScript() []byte {
	var out bytes.Buffer
	out.WriteString("// Generated from api/openapi.yaml by `make generate`: change it there.\n\n" +
		"/** The vocabularies of the API, in the order of the contract. */\n")
	for _, v := range c.vocabularies {
		if slices.ContainsFunc(v.values, func(val value) bool { return val.text == "null" }) {
			continue
		}
		out.WriteString("\n")
		writeAbout(&out, v.about)
		fmt.Fprintf(&out, "/** @type {readonly import('./types.js').%s[]} */\nexport const %s = Object.freeze([\n",
			v.name, plural(constant(v.name)))
		for _, val := range v.values {
			fmt.Fprintf(&out, "  %s,\n", quoted(val.text, '\''))
		}
		out.WriteString("]);\n")
		for _, a := range consoleAttributes {
			writeAttribute(&out, v, a.name, a.ending)
		}
	}
	return out.Bytes()
}

func writeAbout(out *bytes.Buffer, about string) {
	if about != "" {
		out.WriteString(comment("// ", about, goColumns))
	}
}

func writeAttribute(out *bytes.Buffer, v vocabulary, attribute, ending string) {
	if !slices.ContainsFunc(v.values, func(val value) bool { return val.say(attribute) != "" }) {
		return
	}
	of := "Readonly<Record<import('./types.js')." + v.name + ", string>>"
	if !slices.ContainsFunc(v.values, func(val value) bool { return val.say(attribute) == "" }) {
		fmt.Fprintf(out, "\n/** @type {%s} */\n", of)
	} else {
		fmt.Fprintf(out, "\n/** @type {Partial<%s>} */\n", of)
	}
	fmt.Fprintf(out, "export const %s%s = Object.freeze({\n", constant(v.name), ending)
	for _, val := range v.values {
		if said := val.say(attribute); said != "" {
			fmt.Fprintf(out, "  %s: %s,\n", key(val.text, '\''), quoted(said, '\''))
		}
	}
	out.WriteString("});\n")
}

// dockScript is vocabulary.js of the dock scripts.
func (c *contract) dockScript() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("// @ts-check\n// Generated from api/openapi.yaml by `make generate`: change it there.\n")
	for _, v := range c.vocabularies {
		if !v.sdk {
			continue
		}
		fmt.Fprintf(&out, "\n/** @typedef {%s} %s */\n", union(v, '"'), v.name)
		fmt.Fprintf(&out, "/** @type {readonly %s[]} */\nexport const %s = Object.freeze([\n", v.name, plural(constant(v.name)))
		for _, val := range v.values {
			fmt.Fprintf(&out, "  %s,\n", quoted(val.text, '"'))
		}
		out.WriteString("]);\n")
	}
	channels, err := c.vocabulary("Channel")
	if err != nil {
		return nil, err
	}
	out.WriteString("\n/** Kinds of inboxes by their names in Chatwoot. @type {Readonly<Record<string, string>>} */\n" +
		"export const CHANNEL_INBOXES = Object.freeze({\n")
	for _, val := range channels.values {
		if inbox := val.say("inbox"); inbox != "" {
			fmt.Fprintf(&out, "  %s: %s,\n", key(val.text, '"'), quoted(inbox, '"'))
		}
	}
	out.WriteString("});\n")
	if err := c.writeDockParams(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

const paramsTypes = `
/**
 * A parameter of an action, always a string: says what is right. Lengths are in Unicode code points, bytes of UTF-8.
 * @typedef {{name: string, says: string, required?: boolean, nullable?: boolean, format?: string, minLength?: number,
 *   maxLength?: number, maxBytes?: number}} Param
 * The parameters of an action: not both of an exclusive pair, and at least so many. needs says what that means.
 * @typedef {{needs: string, atLeast: number, exclusive: string[][], params: Param[]}} Params
 */

/** @type {Readonly<Record<DockActionKind, Params>>} */
export const DOCK_ACTION_PARAMS = Object.freeze({
`

func (c *contract) writeDockParams(out *bytes.Buffer) error {
	actions, err := c.vocabulary(dockActions)
	if err != nil {
		return err
	}
	out.WriteString(paramsTypes)
	for _, val := range actions.values {
		s, err := c.paramsOf(val)
		if err != nil {
			return err
		}
		body, err := json.MarshalIndent(s, "  ", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s: %s,\n", key(val.text, '"'), unquoteKeys(body))
	}
	out.WriteString("});\n")
	return nil
}

// unquoteKeys writes JSON with indented fields as JavaScript.
func unquoteKeys(body []byte) string {
	lines := strings.Split(string(body), "\n")
	for i, line := range lines {
		name, rest, ok := strings.Cut(strings.TrimLeft(line, " "), `": `)
		if ok && strings.HasPrefix(name, `"`) {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			lines[i] = indent + name[1:] + ": " + rest
		}
	}
	return strings.Join(lines, "\n")
}

func union(v vocabulary, quote byte) string {
	var texts []string
	for _, val := range v.values {
		if val.text == "null" {
			texts = append(texts, "null")
		} else {
			texts = append(texts, quoted(val.text, quote))
		}
	}
	return strings.Join(texts, " | ")
}

// key is a field's name in JavaScript.
func key(name string, quote byte) string {
	if strings.ContainsAny(name, ".:-* ") {
		return quoted(name, quote)
	}
	return name
}

func quoted(text string, quote byte) string {
	escape := strings.NewReplacer(`\`, `\\`, string(quote), `\`+string(quote), "\n", `\n`)
	return string(quote) + escape.Replace(text) + string(quote)
}
