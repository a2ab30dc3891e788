package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"tocsin/pkg/events"
	"tocsin/pkg/store/storetest"
)

// writeForEver is the process that is killed: it writes batches and prints the
// number of each event once it is acknowledged.
func writeForEver(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	from, err := strconv.Atoi(os.Getenv("TOCSIN_TEST_FROM"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := from; ; n += 10 {
		var batch []*events.Event
		for i := range 10 {
			batch = append(batch, storetest.Event(n+i, 0))
		}
		if err := errors.Join(s.Put(context.Background(), batch)...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// What was acknowledged is there after a kill -9, and can be read before
// anybody has opened the file for writing again.
func TestKilledWriter(t *testing.T) {
	path := Path(t.TempDir())
	var acknowledged []int
	for round := range 5 {
		from := round * 1_000_000
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TOCSIN_TEST_WRITER="+path, "TOCSIN_TEST_FROM="+strconv.Itoa(from))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stuck := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		for count := 0; lines.Scan(); count++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = append(acknowledged, n)
			if count == 20+round {
				cmd.Process.Kill() // what it still wrote is read on
			}
		}
		stuck.Stop()
		cmd.Wait()
		if len(acknowledged) < (round+1)*20 {
			t.Fatalf("the writer ended by itself after %d batches", len(acknowledged))
		}

		r, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		ids := storetest.IDs(t, r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		for _, n := range acknowledged {
			for i := range 10 {
				if _, ok := slices.BinarySearch(ids, storetest.Event(n+i, 0).ID); !ok {
					t.Fatalf("round %d: event %d was acknowledged and is gone", round, n+i)
				}
			}
		}
		if len(ids)%10 != 0 {
			t.Fatalf("round %d: %d events, half a batch", round, len(ids))
		}
	}
}
