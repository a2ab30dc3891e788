package service

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size: a number with an optional unit B, KB, MB, GB, TB (powers of
// 1,000), KiB, MiB, GiB or TiB (powers of 1,024).
type Bytes int64

// byteUnits are the units, the largest binary ones first.
var byteUnits = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// UnmarshalText reads a size such as "1GiB", "1.5 GB" or "1048576"; units may be
// written in any case.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, size := strings.TrimSpace(string(text)), int64(1)
	for _, unit := range byteUnits {
		if n := len(number) - len(unit.name); n > 0 && strings.EqualFold(number[n:], unit.name) {
			number, size = strings.TrimSpace(number[:n]), unit.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/size {
		*b = Bytes(n * size)
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f*float64(size) < math.MaxInt64) {
		return fmt.Errorf("%q is no size", text)
	}
	*b = Bytes(f * float64(size))
	return nil
}

// String gives the size in the largest binary unit that needs no fraction, such
// as "1GiB" or "1500B"; UnmarshalText reads it back.
func (b Bytes) String() string {
	for _, unit := range byteUnits[:4] {
		if b != 0 && int64(b)%unit.size == 0 {
			return strconv.FormatInt(int64(b)/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}
