// Package reconciler has the names that frontends and metrics of Cilium are declared with.
package reconciler

import (
	"time"

	"github.com/cilium/hive/cell"
)

// StatusKind is how a reconciliation stands.
type StatusKind string

// String is its name.
func (kind StatusKind) String() string { return string(kind) }

// Status of a reconciliation.
type Status struct {
	Kind      StatusKind
	UpdatedAt time.Time
	Error     *string
}

// GetError is the reason of a failure.
func (s Status) GetError() string {
	if s.Error == nil {
		return ""
	}
	return *s.Error
}

// Metrics of reconciliations.
type Metrics interface {
	PruneDuration(cell.FullModuleID, string, time.Duration)
	PruneError(cell.FullModuleID, string, error)
	ReconciliationDuration(cell.FullModuleID, string, string, time.Duration)
	ReconciliationErrors(cell.FullModuleID, string, int, int)
}
