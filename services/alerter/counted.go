package alerter

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// countedMax bounds the offsets remembered for one generation.
const countedMax = 4096

// counted remembers which events of one generation of a file were counted: the
// offsets above a floor. What is at or below the floor counts as counted; it
// rises only when more than countedMax offsets are above it.
type counted struct {
	generation string
	floor      int64 // -1 = nothing below
	offsets    []int64
	touched    time.Time
	revision   uint64
}

func newCounted(generation string) *counted {
	return &counted{generation: generation, floor: -1}
}

// has tells whether an offset counts as counted.
func (c *counted) has(offset int64) bool {
	_, found := slices.BinarySearch(c.offsets, offset)
	return found || offset <= c.floor
}

// add notes an offset.
func (c *counted) add(offset int64, now time.Time) {
	c.touched = now
	i, found := slices.BinarySearch(c.offsets, offset)
	if found || offset <= c.floor {
		return
	}
	c.offsets = slices.Insert(c.offsets, i, offset)
	if len(c.offsets) > countedMax {
		c.floor = c.offsets[0]
		c.offsets = slices.Delete(c.offsets, 0, 1)
	}
}

func (c *counted) clone() *counted {
	d := *c
	d.offsets = slices.Clone(c.offsets)
	return &d
}

// countedJSON is how counted lies in the bucket. Offsets are the differences
// from one to the next, the first from the floor, as unsigned varints.
type countedJSON struct {
	Generation string    `json:"generation"`
	Floor      int64     `json:"floor"`
	Touched    time.Time `json:"touched,omitzero"`
	Offsets    string    `json:"offsets"`
}

func (c *counted) encode() ([]byte, error) {
	deltas := make([]byte, 0, 3*len(c.offsets))
	last := c.floor
	for _, o := range c.offsets {
		deltas = binary.AppendUvarint(deltas, uint64(o)-uint64(last))
		last = o
	}
	return json.Marshal(countedJSON{Generation: c.generation, Floor: c.floor, Touched: c.touched,
		Offsets: base64.RawStdEncoding.EncodeToString(deltas)})
}

func decodeCounted(data []byte) (*counted, error) {
	var j countedJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("cannot decode counted offsets: %w", err)
	}
	deltas, err := base64.RawStdEncoding.DecodeString(j.Offsets)
	if err != nil {
		return nil, fmt.Errorf("cannot decode counted offsets: %w", err)
	}
	c := &counted{generation: j.Generation, floor: j.Floor, touched: j.Touched}
	last := j.Floor
	for len(deltas) > 0 {
		d, n := binary.Uvarint(deltas)
		next := last + int64(d)
		if n <= 0 || next <= last || len(c.offsets) == countedMax {
			return nil, errors.New("cannot decode counted offsets: not a rising list")
		}
		c.offsets = append(c.offsets, next)
		last, deltas = next, deltas[n:]
	}
	return c, nil
}
