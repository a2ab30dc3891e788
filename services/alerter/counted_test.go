package alerter

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCounted(t *testing.T) {
	c := newCounted("gen")
	for _, offset := range []int64{300, 0, 100} {
		if c.has(offset) {
			t.Errorf("offset %d counts before it was added", offset)
		}
		c.add(offset, start)
		c.add(offset, start)
	}
	if want := []int64{0, 100, 300}; !slices.Equal(c.offsets, want) {
		t.Fatalf("offsets %v, want %v", c.offsets, want)
	}
	if c.has(200) || !c.has(300) {
		t.Error("a gap counts, or an offset does not")
	}
}

func TestCountedIsBounded(t *testing.T) {
	c := newCounted("gen")
	for i := range int64(countedMax + 10) {
		c.add(i*100, start)
	}
	if len(c.offsets) != countedMax || c.floor != 900 {
		t.Fatalf("%d offsets above %d", len(c.offsets), c.floor)
	}
	for _, offset := range []int64{0, 50, 900, 1000} {
		if !c.has(offset) {
			t.Errorf("offset %d does not count", offset)
		}
	}
	c.add(50, start)
	if len(c.offsets) != countedMax || c.floor != 900 {
		t.Error("an offset below the floor was added")
	}
}

func TestCountedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCounted(rapid.String().Draw(t, "generation"))
		for _, o := range rapid.SliceOf(rapid.Int64Min(0)).Draw(t, "offsets") {
			c.add(o, start.Add(time.Duration(o%1000)))
		}
		data, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeCounted(data)
		if err != nil {
			t.Fatal(err)
		}
		if back.floor != c.floor || !slices.Equal(back.offsets, c.offsets) || !back.touched.Equal(c.touched) {
			t.Fatalf("%+v came back as %+v", c, back)
		}
	})
}

func FuzzDecodeCounted(f *testing.F) {
	f.Add([]byte(`{"generation":"g","floor":-1,"offsets":"AWRk"}`))
	f.Add([]byte(`{"floor":9,"offsets":"!"}`))
	f.Add([]byte(`{"floor":9,"offsets":"AA"}`))
	f.Add([]byte(`{"floor":9223372036854775807,"offsets":"gIA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCounted(data)
		if err != nil {
			return
		}
		if !slices.IsSorted(c.offsets) || len(c.offsets) > countedMax {
			t.Fatalf("decoded %v", c.offsets)
		}
		if _, err := c.encode(); err != nil {
			t.Fatal(err)
		}
	})
}
