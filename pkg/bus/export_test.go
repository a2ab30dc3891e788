package bus

import (
	"context"
	"strconv"
	"time"
)

// Trim is one round of the janitor.
func (c *Conn) Trim(ctx context.Context, stream string, keep time.Duration) error {
	return c.trim(ctx, stream, keep)
}

// StreamMessages counts what a stream holds.
func (c *Conn) StreamMessages(ctx context.Context, stream string) (uint64, error) {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.Msgs, nil
}

// SetLayout pretends that another version made RAW.
func (c *Conn) SetLayout(ctx context.Context, version int) error {
	s, err := c.js.Stream(ctx, StreamRaw)
	if err != nil {
		return err
	}
	cfg := s.CachedInfo().Config
	cfg.Metadata[layoutKey] = strconv.Itoa(version)
	_, err = c.js.UpdateStream(ctx, cfg)
	return err
}

// URL is where the connection goes to.
func (c *Conn) URL() string { return c.nc.ConnectedUrl() }
