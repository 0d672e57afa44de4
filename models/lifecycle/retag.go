package lifecycle

import "slices"

// ReplaceTag follows a tag that was renamed, or deleted where to is empty. It works in every status, archived too: the
// tenant's tags changed, not what an agent did with the conversation. A conversation that has to already only loses
// from; one without from is left alone.
func (c *Change) ReplaceTag(from, to string) {
	at, found := slices.BinarySearch(c.After.Tags, from)
	if !found {
		return
	}
	c.After.Tags = slices.Delete(c.After.Tags, at, at+1)
	c.Facts = append(c.Facts, Fact{Kind: TagRemoved, Tag: from, Data: map[string]any{"tag": from, "renamedTo": orNil(to)}})
	at, found = slices.BinarySearch(c.After.Tags, to)
	if to == "" || found {
		return
	}
	c.After.Tags = slices.Insert(c.After.Tags, at, to)
	c.Facts = append(c.Facts, Fact{Kind: TagAdded, Tag: to, Data: map[string]any{"tag": to, "renamedFrom": from}})
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
