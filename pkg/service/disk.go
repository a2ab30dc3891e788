package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FitDisk makes RAW_MAX_BYTES and EVENTS_MAX_BYTES so small that together they
// take at most half of the free disk. dir is the folder of the broker's
// streams; it need not be there yet. What lies in it counts as free, or the
// limits would shrink at every start. It is an error if less than 1 MiB is left
// for one of them.
func FitDisk(dir string, raw, events Bytes) (Bytes, Bytes, error) {
	free, err := freeBytes(nearest(dir))
	if err != nil {
		return 0, 0, fmt.Errorf("cannot tell the free disk of %s: %w", dir, err)
	}
	used, err := usedBytes(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot tell how much %s holds: %w", dir, err)
	}
	fitRaw, fitEvents := fit(free+used, raw, events)
	if fitRaw < minStream || fitEvents < minStream {
		return 0, 0, fmt.Errorf("cannot keep events in %s: only %d MiB of its disk are free", dir, free>>20)
	}
	return fitRaw, fitEvents, nil
}

// fit shares half of free in the proportion of raw and events, where they ask
// for more.
func fit(free int64, raw, events Bytes) (Bytes, Bytes) {
	half, wanted := float64(free/2), float64(raw)+float64(events)
	if wanted <= half {
		return raw, events
	}
	const page = 4096
	share := func(b Bytes) Bytes { return Bytes(half*(float64(b)/wanted)) / page * page }
	return share(raw), share(events)
}

// nearest gives the folder itself or the closest one above it that is there.
func nearest(dir string) string {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, missing := os.Stat(dir); missing == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// usedBytes adds up the files below dir; none if it is not there. Files that
// go away meanwhile are passed over.
func usedBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sum += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return sum, err
}
