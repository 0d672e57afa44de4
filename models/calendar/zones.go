package calendar

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"time"
)

//go:generate go run ../../deploy/tools/zones zones.gen.go

// zoneSet is the names of zones: by themselves, and by themselves in lower case.
var zoneSet = sync.OnceValue(func() map[string]string {
	set := map[string]string{}
	for _, name := range strings.Split(zoneNames, "\n") {
		set[name], set[strings.ToLower(name)] = name, name
	}
	return set
})

// IsZone tells whether a name is one of the IANA time zone database, a Zone or a Link: nothing else that a machine has a
// file for, like localtime or right/Europe/Berlin, and no other way to write the path of that file.
func IsZone(name string) bool { return zoneSet()[name] == name && name != "" }

// ZoneMeant is the zone that a name stood for when any path of a zone's file was taken: that of the file, or else UTC, which
// is what localtime is where a machine has not been told.
func ZoneMeant(name string) string {
	name = path.Clean(name)
	for _, prefix := range []string{"right/", "posix/"} {
		name = strings.TrimPrefix(name, prefix)
	}
	if IsZone(name) {
		return name
	}
	return "UTC"
}

// LoadZone is the time zone of an IANA name. Errors: what is wrong with the name, said so that it can be put right.
func LoadZone(name string) (*time.Location, error) {
	if !IsZone(name) {
		if meant := zoneSet()[strings.ToLower(path.Clean(name))]; meant != "" {
			return nil, fmt.Errorf("there is no time zone %q: it is written %s", name, meant)
		}
		return nil, fmt.Errorf("there is no time zone %q: must be an IANA name, like Europe/Copenhagen or UTC", name)
	}
	return time.LoadLocation(name)
}
