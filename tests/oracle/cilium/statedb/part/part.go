// Package part is the one piece of the stand-in that does something: the selector cache of the
// policy package keeps its selections in such a map, changes them in a transaction, and gives
// readers the map as of the last commit.
package part

import "maps"

// RegisterKeyType has nothing to do: keys are Go's own.
func RegisterKeyType[K any](func(K) []byte) {}

// Map is a map as of a commit; nobody changes it.
type Map[K comparable, V any] struct {
	values map[K]V
}

// Get looks a key up.
func (m Map[K, V]) Get(key K) (V, bool) {
	value, found := m.values[key]
	return value, found
}

// Len counts the keys.
func (m Map[K, V]) Len() int { return len(m.values) }

// Txn begins a change.
func (m Map[K, V]) Txn() MapTxn[K, V] { return MapTxn[K, V]{maps.Clone(m.values)} }

// MapTxn is a map that is being changed.
type MapTxn[K comparable, V any] struct {
	values map[K]V
}

// Get looks a key up, as changed so far.
func (t *MapTxn[K, V]) Get(key K) (V, bool) {
	value, found := t.values[key]
	return value, found
}

// Set gives a key its value.
func (t *MapTxn[K, V]) Set(key K, value V) {
	if t.values == nil {
		t.values = map[K]V{}
	}
	t.values[key] = value
}

// Delete takes a key out, and says whether it was there.
func (t *MapTxn[K, V]) Delete(key K) bool {
	_, found := t.values[key]
	delete(t.values, key)
	return found
}

// Commit gives the map as it is now; the transaction goes on.
func (t *MapTxn[K, V]) Commit() Map[K, V] { return Map[K, V]{maps.Clone(t.values)} }
