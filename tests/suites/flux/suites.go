// Package suites names the packages whose own tests are run against the embedded API server.
package suites

import (
	_ "github.com/fluxcd/pkg/ssa"
	_ "github.com/fluxcd/pkg/ssa/jsondiff"
)
