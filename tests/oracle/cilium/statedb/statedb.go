// Package statedb stands in for Cilium's database of tables, which the policy package is linked
// with, through other packages, and does not use. Its declarations are what those need to
// compile. Nothing of it works: a table that is used nevertheless ends the program, so that no
// answer can come from here.
package statedb

import (
	"iter"
	"time"

	"github.com/cilium/hive/cell"
	"github.com/cilium/statedb/index"
)

const unused = "the stand-in for github.com/cilium/statedb has no tables"

// Cell would start the database.
var Cell = cell.Group()

// Revision counts changes.
type Revision = uint64

// DB is the database.
type DB struct{}

// New would make one.
func New() *DB { panic(unused) }

// NewHandle names who uses it.
func (db *DB) NewHandle(string) *DB { return db }

// ReadTxn begins to read.
func (*DB) ReadTxn() ReadTxn { panic(unused) }

// WriteTxn begins to write.
func (*DB) WriteTxn(...TableMeta) WriteTxn { panic(unused) }

// ReadTxn is a view of all tables.
type ReadTxn interface{ reads() }

// WriteTxn is a change of some tables.
type WriteTxn interface {
	ReadTxn
	Abort()
	Commit() ReadTxn
}

// TableMeta is any table.
type TableMeta interface{ Name() string }

// Table can be read.
type Table[T any] interface {
	TableMeta
	Changes(WriteTxn) (ChangeIterator[T], error)
	Initialized(ReadTxn) (bool, <-chan struct{})
	NumObjects(ReadTxn) int
	PrimaryIndexer() Indexer[T]
	All(ReadTxn) iter.Seq2[T, Revision]
	AllWatch(ReadTxn) (iter.Seq2[T, Revision], <-chan struct{})
	Get(ReadTxn, Query[T]) (T, Revision, bool)
	GetWatch(ReadTxn, Query[T]) (T, Revision, <-chan struct{}, bool)
	Prefix(ReadTxn, Query[T]) iter.Seq2[T, Revision]
	PrefixWatch(ReadTxn, Query[T]) (iter.Seq2[T, Revision], <-chan struct{})
}

// RWTable can be changed.
type RWTable[T any] interface {
	Table[T]
	ToTable() Table[T]
	RegisterInitializer(WriteTxn, string) func(WriteTxn)
	Insert(WriteTxn, T) (T, bool, error)
	Modify(WriteTxn, T, func(T, T) T) (T, bool, error)
	Delete(WriteTxn, T) (T, bool, error)
}

// NewTable would make one.
func NewTable[T any](*DB, string, Indexer[T], ...Indexer[T]) (RWTable[T], error) { panic(unused) }

// Indexer is any index of a table.
type Indexer[T any] interface{ ObjectToKey(T) index.Key }

// Index finds objects by a key.
type Index[T, K any] struct {
	Name       string
	FromObject func(T) index.KeySet
	FromKey    func(K) index.Key
	FromString func(string) (index.Key, error)
	Unique     bool
}

// ObjectToKey is the key of an object.
func (Index[T, K]) ObjectToKey(T) index.Key { panic(unused) }

// Query asks by a key; some queries are made when the program starts.
func (Index[T, K]) Query(K) Query[T] { return Query[T]{} }

// QueryFromKey asks by the bytes of a key.
func (Index[T, K]) QueryFromKey(index.Key) Query[T] { panic(unused) }

// QueryFromObject asks by the key of an object.
func (Index[T, K]) QueryFromObject(T) Query[T] { panic(unused) }

// Query is what a table is asked.
type Query[T any] struct{}

// TableWritable is an object that can be printed as a row.
type TableWritable interface {
	TableHeader() []string
	TableRow() []string
}

// ChangeIterator gives changes one after the other.
type ChangeIterator[T any] interface {
	Next(ReadTxn) (iter.Seq2[Change[T], Revision], <-chan struct{})
}

// Change of one object.
type Change[T any] struct {
	Object   T
	Revision Revision
	Deleted  bool
}

// ToSeq drops the revisions.
func ToSeq[T any](iter.Seq2[T, Revision]) iter.Seq[T] { panic(unused) }

// WatchSet waits for several changes.
type WatchSet struct{}

// Metrics of the database.
type Metrics interface {
	DeleteTrackerCount(string, int)
	GraveyardCleaningDuration(string, time.Duration)
	GraveyardLowWatermark(string, Revision)
	GraveyardObjectCount(string, int)
	ObjectCount(string, int)
	Revision(string, Revision)
	WriteTxnDuration(string, []string, time.Duration)
	WriteTxnTableAcquisition(string, string, time.Duration)
	WriteTxnTotalAcquisition(string, []string, time.Duration)
}
