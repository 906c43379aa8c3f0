// Package index has what the keys of tables are made of.
package index

import "fmt"

// Key is the key of an object in a table.
type Key []byte

// KeySet is all keys of an object.
type KeySet struct{}

// NewKeySet would hold the keys.
func NewKeySet(...Key) KeySet { return KeySet{} }

// Stringer makes a key of text.
func Stringer[T fmt.Stringer](value T) Key { return Key(value.String()) }

// String makes a key of text.
func String(text string) Key { return Key(text) }

// Bool makes a key of a truth value.
func Bool(value bool) Key { return Key(fmt.Sprint(value)) }

// BoolString makes a key of the text of a truth value.
func BoolString(text string) (Key, error) { return Key(text), nil }

// FromString makes a key of text.
func FromString(text string) (Key, error) { return Key(text), nil }
