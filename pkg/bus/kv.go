package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// KV buckets.
const (
	BucketAlerts   = "alerts"
	BucketAnalyses = "analyses"
	BucketServices = "services"
	BucketSuspects = "suspects"
	BucketLeases   = "leases"
	BucketMasker   = "masker"
)

// Errors of KV.
var (
	ErrNotFound = errors.New("key not found")
	// ErrConflict: somebody else changed a key since it was read.
	ErrConflict = errors.New("key was changed by another writer")
)

// MaxChanges is the most one Write may hold: the server's limit of a batch.
const MaxChanges = 1000

// markerTTL is how long the mark of a deleted key stays. A key can't be made
// again while it does.
const markerTTL = "1s"

// Entry is a value with the revision it was written at.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Change is one write of an atomic batch. Revision is what the key must stand
// at: 0 = it must not exist. A nil Value deletes the key.
type Change struct {
	Key      string
	Value    []byte
	Revision uint64
}

// KV is one bucket.
type KV struct {
	conn   *Conn
	kv     jetstream.KeyValue
	bucket string
}

// KV opens a bucket, waiting for Apply to make it until ctx is done.
func (c *Conn) KV(ctx context.Context, bucket string) (*KV, error) {
	for {
		kv, err := c.js.KeyValue(ctx, bucket)
		if err == nil {
			return &KV{conn: c, kv: kv, bucket: bucket}, nil
		}
		if !sleep(ctx, reconnectWait) {
			return nil, fmt.Errorf("cannot open bucket %s: %w", bucket, err)
		}
	}
}

// Get reads a key; ErrNotFound if it is not there.
func (k *KV) Get(ctx context.Context, key string) (Entry, error) {
	e, err := k.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("cannot read %s in bucket %s: %w", key, k.bucket, err)
	}
	return Entry{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

// Put writes whatever stood there.
func (k *KV) Put(ctx context.Context, key string, value []byte) error {
	if _, err := k.kv.Put(ctx, key, value); err != nil {
		return fmt.Errorf("cannot write %s in bucket %s: %w", key, k.bucket, err)
	}
	return nil
}

// Create writes a key that must not exist; ErrConflict if it does.
func (k *KV) Create(ctx context.Context, key string, value []byte) error {
	_, err := k.kv.Create(ctx, key, value)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return ErrConflict
	}
	if err != nil {
		return fmt.Errorf("cannot create %s in bucket %s: %w", key, k.bucket, err)
	}
	return nil
}

// Delete removes a key; one that is not there is no error.
func (k *KV) Delete(ctx context.Context, key string) error {
	if _, err := k.conn.js.PublishMsg(ctx, k.wire(Change{Key: key}, false)); err != nil {
		return fmt.Errorf("cannot delete %s in bucket %s: %w", key, k.bucket, err)
	}
	return nil
}

// All gives every key that starts with prefix, which is empty or ends at a dot
// ("group."), in the order of their last writing.
func (k *KV) All(ctx context.Context, prefix string) ([]Entry, error) {
	w, err := k.kv.Watch(ctx, prefix+">", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("cannot read bucket %s: %w", k.bucket, err)
	}
	defer func() { _ = w.Stop() }()
	var all []Entry
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok {
				return nil, fmt.Errorf("cannot read bucket %s: the broker ended the listing", k.bucket)
			}
			if e == nil {
				return all, nil
			}
			all = append(all, Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision()})
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot read bucket %s: %w", k.bucket, ctx.Err())
		}
	}
}

// Write makes all changes or none (at most MaxChanges, each key once) and gives
// the new revisions in their order; ErrConflict if a revision does not match.
// After any other error it is unknown whether they were made.
func (k *KV) Write(ctx context.Context, changes []Change) ([]uint64, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	if len(changes) > MaxChanges {
		return nil, fmt.Errorf("cannot write %d changes in bucket %s at once: at most %d", len(changes), k.bucket, MaxChanges)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	last, err := k.publish(ctx, changes)
	if code := apiCode(err); code == codeWrongSequence || code == codeWrongSequenceR3 {
		return nil, ErrConflict
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write bucket %s: %w", k.bucket, err)
	}
	revisions := make([]uint64, len(changes))
	for i := range changes {
		revisions[i] = last - uint64(len(changes)-1-i)
	}
	return revisions, nil
}

// publish gives the sequence of the last change.
func (k *KV) publish(ctx context.Context, changes []Change) (uint64, error) {
	if len(changes) == 1 {
		ack, err := k.conn.js.PublishMsg(ctx, k.wire(changes[0], true), jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	batch := make([]*nats.Msg, len(changes))
	for i, c := range changes {
		batch[i] = k.wire(c, true)
	}
	ack, err := jetstreamext.PublishMsgBatch(ctx, k.conn.js, batch, jetstreamext.BatchFlowControl{AckFirst: false})
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// wire writes a change as the key-value layer of NATS would (ADR-8).
func (k *KV) wire(c Change, expect bool) *nats.Msg {
	m := &nats.Msg{Subject: "$KV." + k.bucket + "." + c.Key, Data: c.Value, Header: nats.Header{}}
	if expect {
		m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(c.Revision, 10))
	}
	if c.Value == nil {
		m.Header.Set("KV-Operation", "DEL")
		m.Header.Set(jetstream.MsgTTLHeader, markerTTL)
	}
	return m
}

// kvConfig is the stream of a bucket, with atomic batches and expiring marks,
// which the library's own configuration of a bucket has no fields for.
func kvConfig(bucket string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               "KV_" + bucket,
		Subjects:           []string{"$KV." + bucket + ".>"},
		MaxMsgsPerSubject:  1,
		MaxBytes:           -1,
		MaxMsgSize:         -1,
		Discard:            jetstream.DiscardNew,
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		Duplicates:         2 * time.Minute,
		AllowRollup:        true,
		AllowDirect:        true,
		AllowMsgTTL:        true,
		AllowAtomicPublish: true,
	}
}
