package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/atender/atender/models/seal"
)

// fileSuffix, appended to a secret's variable, names the variable that holds the path of a file with the value.
const fileSuffix = "_FILE"

// Error lists what is wrong with the configuration, one line each, in the order of the struct. No line shows the
// value of a secret.
type Error struct {
	Lines []string
}

// Error implements error: all lines.
func (e *Error) Error() string { return strings.Join(e.Lines, "\n") }

// Parse reads T, Config or Database, from the given variables; nothing comes from anywhere else but the files that
// …_FILE variables name. An empty value counts as unset. Errors: *Error.
func Parse[T any](vars map[string]string) (T, error) {
	var cfg T
	problems := map[string]string{}
	values := map[string]string{}
	fields := fieldsOf(reflect.TypeFor[T]())
	for _, f := range fields {
		value, err := f.lookup(vars)
		switch {
		case err != nil:
			problems[f.name] = err.Error()
		case value != "":
			values[f.name] = value
		case f.required && f.def == "":
			problems[f.name] = "is not set, and has to be: " + f.desc
		}
	}
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: values, Prefix: Prefix}); err != nil {
		collect(err, fields, problems)
	}
	for _, f := range fields {
		if value, set := values[f.name]; set && problems[f.name] == "" {
			if err := f.check(value); err != nil {
				problems[f.name] = err.Error()
			}
		}
	}
	if len(problems) == 0 {
		return cfg, nil
	}
	failed := &Error{}
	for _, f := range fields {
		if problem := problems[f.name]; problem != "" {
			failed.Lines = append(failed.Lines, f.name+" "+problem)
		}
	}
	return cfg, failed
}

// field is one variable, as its struct tags describe it.
type field struct {
	name     string // with the prefix
	goName   string
	kind     reflect.Type
	def      string
	desc     string
	enum     []string
	min, max string
	checks   string
	required bool
	secret   bool
}

// fieldsOf lists the variables of a struct type in its order, embedded structs in place.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for f := range t.Fields() {
		if f.Anonymous {
			fields = append(fields, fieldsOf(f.Type)...)
			continue
		}
		one := field{
			name:     Prefix + f.Tag.Get("env"),
			goName:   f.Name,
			kind:     f.Type,
			def:      f.Tag.Get("envDefault"),
			desc:     f.Tag.Get("desc"),
			min:      f.Tag.Get("min"),
			max:      f.Tag.Get("max"),
			checks:   f.Tag.Get("check"),
			required: f.Tag.Get("required") == "true",
			secret:   f.Tag.Get("secret") == "true",
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			one.enum = strings.Split(enum, ",")
		}
		fields = append(fields, one)
	}
	return fields
}

// lookup finds the variable's text, for secrets also in the file that the …_FILE variable names. A line end after the
// value is what editors and `kubectl create secret` leave in files, and not part of it.
func (f field) lookup(vars map[string]string) (string, error) {
	value := strings.TrimSpace(vars[f.name])
	path := vars[f.name+fileSuffix]
	if !f.secret || path == "" {
		return value, nil
	}
	if value != "" {
		return "", fmt.Errorf("is set, and so is %s%s: only one of them can be", f.name, fileSuffix)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read from its file, which %s%s names: %w", f.name, fileSuffix, err)
	}
	if value = strings.TrimSpace(string(content)); value == "" {
		return "", fmt.Errorf("is empty in its file %s, which %s%s names", path, f.name, fileSuffix)
	}
	return value, nil
}

// collect turns what the parser found into problems by variable.
func collect(err error, fields []field, problems map[string]string) {
	all := []error{err}
	if many, ok := errors.AsType[env.AggregateError](err); ok {
		all = many.Errors
	}
	for _, one := range all {
		parse, ok := errors.AsType[env.ParseError](one)
		i := slices.IndexFunc(fields, func(f field) bool { return ok && f.goName == parse.Name })
		if i < 0 { // cannot happen with the types in use; and if it does, nothing is hidden
			i = 0
		}
		f := fields[i]
		problems[f.name] = "has to be " + f.typeName() + f.sourceNote(one)
	}
}

func (f field) sourceNote(err error) string {
	if f.secret {
		return ""
	}
	return ": " + rootCause(err)
}

func rootCause(err error) string {
	if parse, ok := errors.AsType[env.ParseError](err); ok {
		return parse.Err.Error()
	}
	return err.Error()
}

// check applies the rules of the tags to a value that has the right type.
func (f field) check(value string) error {
	if f.enum != nil && !slices.Contains(f.enum, value) {
		return fmt.Errorf("has to be one of %s, not %q", strings.Join(f.enum, ", "), value)
	}
	if f.min != "" {
		n, _ := strconv.Atoi(value) // parsed before
		least, _ := strconv.Atoi(f.min)
		most, _ := strconv.Atoi(f.max)
		if n < least || n > most {
			return fmt.Errorf("has to be from %s to %s, not %d", f.min, f.max, n)
		}
	}
	switch f.checks {
	case "keyring":
		if _, err := seal.ParseKeyring(value); err != nil {
			return fmt.Errorf("is no list of keys: %w", err)
		}
	case "address":
		return checkAddress(value)
	case "url", "base-url":
		return f.checkURL(value)
	}
	return nil
}

func checkAddress(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("has to be host:port, or :port for all addresses, not %q", value)
	}
	return nil
}

func (f field) checkURL(value string) error {
	shown := strconv.Quote(value)
	if f.secret {
		shown = "what is set"
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("has to be an http:// or https:// URL, not %s", shown)
	}
	if f.checks == "base-url" && (u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		return fmt.Errorf("has to be only scheme and host, as in https://support.example.com, not %s", shown)
	}
	return nil
}
