package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopStack(t *testing.T) {
	var (
		s     StopStack
		order []string
	)
	push := func(name string, err error) {
		s.Push(name, func(context.Context) error { order = append(order, name); return err })
	}
	errA, errC := errors.New("a fails"), errors.New("c fails")
	push("a", errA)
	push("b", nil)
	push("c", errC)
	err := s.Stop(t.Context())
	if !slices.Equal(order, []string{"c", "b", "a"}) {
		t.Errorf("order %v", order)
	}
	if !errors.Is(err, errA) || !errors.Is(err, errC) || !strings.Contains(err.Error(), "cannot stop c: c fails") {
		t.Errorf("got %v", err)
	}
	if again := s.Stop(t.Context()); again != err || len(order) != 3 {
		t.Errorf("a second stop: %v, order %v", again, order)
	}
}

func TestStopStackEmpty(t *testing.T) {
	var s StopStack
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStopStackLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s StopStack
		last, quick := false, make(chan struct{})
		s.Push("first", func(context.Context) error { last = true; return nil })
		s.Push("hanging", func(context.Context) error { <-quick; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cannot stop hanging: it did not end in time") {
			t.Errorf("got %v", err)
		}
		close(quick)
		synctest.Wait()
		if !last {
			t.Error("what was started first was not stopped")
		}
	})
}

func TestStopStackConcurrently(t *testing.T) {
	var (
		s  StopStack
		n  int
		wg sync.WaitGroup
	)
	s.Push("once", func(context.Context) error { n++; return errors.New("fails") })
	for range 8 {
		wg.Go(func() {
			if s.Stop(t.Context()) == nil {
				t.Error("the error is lost")
			}
		})
	}
	wg.Wait()
	if n != 1 {
		t.Errorf("stopped %d times", n)
	}
}
