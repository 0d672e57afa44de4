package main

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// params are the parameters of a dock action, all of them strings: what both languages need of their schema.
type params struct {
	Needs     string      `json:"needs"`     // what the action needs, where it is not one parameter
	AtLeast   int         `json:"atLeast"`   // that many parameters
	Exclusive [][2]string `json:"exclusive"` // not both of a pair
	Params    []param     `json:"params"`
}

type param struct {
	Name      string `json:"name"`
	Says      string `json:"says"` // what is right
	Required  bool   `json:"required,omitempty"`
	Nullable  bool   `json:"nullable,omitempty"`
	Format    string `json:"format,omitempty"`    // date-time or uuid
	MinLength int    `json:"minLength,omitempty"` // in Unicode code points
	MaxLength int    `json:"maxLength,omitempty"` // in Unicode code points; 0: no limit
	MaxBytes  int    `json:"maxBytes,omitempty"`  // of UTF-8; 0: no limit
}

// paramsOf reads the schema of a value's parameters. Errors: what the two implementations of the rules do not know.
func (c *contract) paramsOf(v value) (params, error) {
	s := params{Exclusive: [][2]string{}, Params: []param{}}
	if v.more["params"] == nil {
		return s, fmt.Errorf("%s has no params", v.text)
	}
	schema, err := c.resolve(v.more["params"])
	if err != nil {
		return s, err
	}
	if text(schema, "additionalProperties") != "false" {
		return s, fmt.Errorf("the params of %s need additionalProperties: false", v.text)
	}
	required := list(schema, "required")
	for key, n := range fields(schema) {
		switch key {
		case "type", "additionalProperties", "required":
		case "description":
			s.Needs = n.Value
		case "minProperties":
			s.AtLeast, err = strconv.Atoi(n.Value)
		case "allOf":
			err = s.readExclusive(n)
		case "properties":
			for name, property := range fields(n) {
				var p param
				if p, err = readParam(name, property); err != nil {
					break
				}
				p.Required = slices.Contains(required, name)
				s.Params = append(s.Params, p)
			}
		default:
			err = fmt.Errorf("%s is not known here", key)
		}
		if err != nil {
			return s, fmt.Errorf("params of %s: %w", v.text, err)
		}
	}
	return s, nil
}

func (s *params) readExclusive(all *yaml.Node) error {
	for _, n := range all.Content {
		pair := list(n, "not", "required")
		if len(pair) != 2 {
			return fmt.Errorf("allOf takes {not: {required: [a, b]}} only")
		}
		s.Exclusive = append(s.Exclusive, [2]string{pair[0], pair[1]})
	}
	return nil
}

func readParam(name string, property *yaml.Node) (param, error) {
	p := param{Name: name, Says: text(property, "description")}
	var err error
	for key, n := range fields(property) {
		switch key {
		case "description":
		case "type":
			kinds := append(list(property, "type"), n.Value)
			p.Nullable = slices.Contains(kinds, "null")
			if !slices.Contains(kinds, "string") {
				err = fmt.Errorf("%s is not a string", name)
			}
		case "format":
			p.Format = n.Value
			if !slices.Contains([]string{"date-time", "uuid"}, p.Format) {
				err = fmt.Errorf("%s has the unknown format %s", name, p.Format)
			}
		case "minLength":
			p.MinLength, err = strconv.Atoi(n.Value)
		case "maxLength":
			p.MaxLength, err = strconv.Atoi(n.Value)
		case "x-max-bytes":
			p.MaxBytes, err = strconv.Atoi(n.Value)
		default:
			err = fmt.Errorf("%s has %s, which is not known here", name, key)
		}
		if err != nil {
			return p, err
		}
	}
	if p.Says == "" {
		return p, fmt.Errorf("%s has no description", name)
	}
	return p, nil
}
