//go:build !linux && !darwin && !freebsd

package service

import "math"

// freeBytes is not known here: the limits stay as they are set.
func freeBytes(string) (int64, error) { return math.MaxInt64 / 4, nil }
