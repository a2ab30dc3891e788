//go:build linux || darwin || freebsd

package service

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes is what an ordinary user may still write on the disk of dir.
func freeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	free := float64(disk.Bavail) * float64(disk.Bsize)
	return int64(min(max(free, 0), math.MaxInt64/4)), nil
}
