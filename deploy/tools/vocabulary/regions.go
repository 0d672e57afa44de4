package main

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// dockActions is the vocabulary of what docks can ask for.
const dockActions = "DockActionKind"

// region is a part of a file that people write otherwise. It begins after a line with "generated: NAME" and ends before
// the next one with "generated: end".
var region = regexp.MustCompile(`(?m)^([ \t]*)(\S+ generated: (\w+).*\n)((?s:.*?))^([ \t]*\S+ generated: end.*)$`)

// fillRegions adds the files whose regions list the dock actions.
func (c *contract) fillRegions(root string, files map[string][]byte) error {
	actions, err := c.vocabulary(dockActions)
	if err != nil {
		return err
	}
	codes, err := c.vocabulary("DockErrorCode")
	if err != nil {
		return err
	}
	rows, err := c.guideRows(actions)
	if err != nil {
		return err
	}
	texts := map[string]string{
		"alone": aloneTable(actions), "exports": exports(actions), "codes": codesType(codes), "kinds": kindsType(actions),
		"methods": methods(actions), "functions": functions(actions), "rows": rows,
	}
	for _, name := range []string{"api/sdk/dock.js", "api/sdk/dock.mjs", "api/sdk/dock.d.ts", "api/pages/docks/index.html"} {
		if files[name], err = fill(filepath.Join(root, name), texts); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func fill(path string, texts map[string]string) ([]byte, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := 0
	body = region.ReplaceAllFunc(body, func(match []byte) []byte {
		m := region.FindSubmatch(match)
		text, ok := texts[string(m[3])]
		if !ok {
			err = fmt.Errorf("there is no region %q", m[3])
			return match
		}
		found++
		var lines bytes.Buffer
		for line := range strings.Lines(text) {
			lines.Write(m[1])
			lines.WriteString(line)
		}
		return bytes.Join([][]byte{m[1], m[2], lines.Bytes(), m[5]}, nil)
	})
	if found == 0 && err == nil {
		err = fmt.Errorf("it has no region that is generated")
	}
	return body, err
}

// aloneTable says for dock.js which parameter each action can be given alone, "" for none, and null for one that takes
// nothing.
func aloneTable(actions vocabulary) string {
	var out strings.Builder
	out.WriteString("const alone = Object.freeze({\n")
	for _, val := range actions.values {
		of := `"` + val.say("alone") + `"`
		if val.say("call") == "" {
			of = "null"
		}
		fmt.Fprintf(&out, "  %s: %s,\n", val.text, of)
	}
	out.WriteString("});\n")
	return out.String()
}

func exports(actions vocabulary) string {
	return comment("", "export const { "+strings.Join(valueTexts(actions), ", ")+" } = dock;", goColumns)
}

func codesType(codes vocabulary) string {
	var out strings.Builder
	out.WriteString("export type DockErrorCode =\n")
	for i, val := range codes.values {
		end := ""
		if i == len(codes.values)-1 {
			end = ";"
		}
		fmt.Fprintf(&out, "  | %q%s", val.text, end)
		if is := val.say("is"); is != "" {
			out.WriteString(" // " + is)
		}
		out.WriteString("\n")
	}
	return out.String()
}

func kindsType(actions vocabulary) string {
	return "export type Action = " + union(actions, '"') + ";\n"
}

func methods(actions vocabulary) string {
	var out strings.Builder
	for _, val := range actions.values {
		fmt.Fprintf(&out, "/** %s. */\n%s(%s): Promise<Conversation>;\n", capital(val.say("result")), val.text, val.say("call"))
	}
	return out.String()
}

func functions(actions vocabulary) string {
	var out strings.Builder
	for _, val := range actions.values {
		fmt.Fprintf(&out, "export declare const %s: Actions[%q];\n", val.text, val.text)
	}
	return out.String()
}

// guideRows are the rows of the guide's table of actions.
func (c *contract) guideRows(actions vocabulary) (string, error) {
	var out strings.Builder
	for _, val := range actions.values {
		s, err := c.paramsOf(val)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "<tr><td><code>%s</code></td><td><code>{%s}</code></td><td>%s</td></tr>\n",
			strings.ReplaceAll(html.EscapeString(val.say("example")), "&#34;", `"`), paramList(s),
			html.EscapeString(val.say("result")))
	}
	return out.String(), nil
}

// paramList names parameters: optional ones with ?, exclusive ones with | between them.
func paramList(s params) string {
	partner := map[string]string{}
	second := map[string]bool{}
	for _, pair := range s.Exclusive {
		partner[pair[0]], second[pair[1]] = pair[1], true
	}
	var names []string
	for _, p := range s.Params {
		switch {
		case second[p.Name]:
		case partner[p.Name] != "":
			names = append(names, p.Name+" | "+partner[p.Name])
		case p.Required:
			names = append(names, p.Name)
		default:
			names = append(names, p.Name+"?")
		}
	}
	return strings.Join(names, ", ")
}

func valueTexts(v vocabulary) (all []string) {
	for _, val := range v.values {
		all = append(all, val.text)
	}
	return all
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
