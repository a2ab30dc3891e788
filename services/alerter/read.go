package alerter

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"tocsin/pkg/bus"
)

// notificationsShown is how many results of sendings a group shows.
const notificationsShown = 20

// Groups gives every alert group that has counted an event and is remembered,
// the one seen last first, with the results of its last 20 sendings, oldest
// first.
func Groups(ctx context.Context, conn *bus.Conn) ([]Group, error) {
	kv, err := conn.KV(ctx, bus.BucketAlerts)
	if err != nil {
		return nil, err
	}
	return readGroups(ctx, kv)
}

func readGroups(ctx context.Context, kv bucket) ([]Group, error) {
	s := newState()
	entries, err := kv.All(ctx, prefixGroup)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := s.restore(e); err != nil {
			return nil, err
		}
	}
	records, err := allSent(ctx, kv, prefixSent)
	if err != nil {
		return nil, err
	}
	results := map[string][]Result{}
	for _, r := range records {
		results[r.Group] = append(results[r.Group], r.Result)
	}
	var list []Group
	for id, g := range s.groups {
		if g.Count == 0 {
			continue
		}
		sends := results[id]
		slices.SortFunc(sends, func(a, b Result) int {
			return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID), strings.Compare(a.Channel, b.Channel))
		})
		g.Notifications = sends[max(0, len(sends)-notificationsShown):]
		list = append(list, g.Group)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(b.LastTime.Compare(a.LastTime), strings.Compare(a.Group, b.Group))
	})
	return list, nil
}
