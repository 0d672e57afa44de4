package postgres

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cursor says its position to the list that made it alone, and not to its reader.
func TestACursorKeepsItsPositionToItself(t *testing.T) {
	list := CursorList{Key: []byte("a key of thirty-two bytes, or so"), Name: "GET /v1/events"}
	cursor := list.Seal([]byte("123456"))
	require.Equal(t, cursor, list.Seal([]byte("123456")), "one position has one cursor")
	content, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	require.NotContains(t, string(content), "1234")
	position, ours := list.Open(cursor)
	require.True(t, ours)
	require.Equal(t, "123456", string(position))

	for _, other := range []CursorList{{Key: list.Key, Name: "GET /v1/tags"}, {Key: []byte("another key"), Name: list.Name}} {
		_, ours := other.Open(cursor)
		require.False(t, ours, "%+v", other)
	}
	for i := range content {
		altered := []byte(string(content))
		altered[i] ^= 1
		_, ours := list.Open(base64.RawURLEncoding.EncodeToString(altered))
		require.False(t, ours, "byte %d", i)
	}
	_, ours = list.Open(cursor[:len(cursor)-1])
	require.False(t, ours)
}
