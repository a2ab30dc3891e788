package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// DeadLetters reads what a service gave up on, oldest first, at most limit.
func (c *Conn) DeadLetters(ctx context.Context, service string, limit int) ([]*Delivery, error) {
	stream, err := c.js.Stream(ctx, StreamDead)
	if err != nil {
		return nil, fmt.Errorf("cannot read dead letters: %w", err)
	}
	var dead []*Delivery
	for seq := stream.CachedInfo().State.FirstSeq; len(dead) < limit; {
		m, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(SubjectDead(service)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return dead, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read dead letters: %w", err)
		}
		header := make(map[string]string, len(m.Header))
		for k := range m.Header {
			header[k] = m.Header.Get(k)
		}
		dead = append(dead, &Delivery{Subject: m.Subject, Data: m.Data, Header: header, Sequence: m.Sequence, Published: m.Time, Deliveries: 1})
		seq = m.Sequence + 1
	}
	return dead, nil
}
