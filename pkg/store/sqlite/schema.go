package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// ErrNewer: the file was written by a newer version of Tocsin.
var ErrNewer = errors.New("it was written by a newer version of Tocsin")

// migrations lead from one schema version (PRAGMA user_version) to the next;
// the first makes an empty file version 1. Steps are only ever added.
var migrations = []string{
	// The integer key stays the same for an id, for indexes that refer to rows.
	`CREATE TABLE events (
		row      INTEGER PRIMARY KEY,
		id       TEXT    NOT NULL UNIQUE,
		revision INTEGER NOT NULL,
		time     INTEGER NOT NULL, -- nanoseconds since 1970
		host     TEXT    NOT NULL,
		kind     TEXT    NOT NULL,
		severity REAL    NOT NULL,
		"group"  TEXT    NOT NULL,
		json     BLOB    NOT NULL
	) STRICT;
	CREATE INDEX events_time ON events (time, id);
	CREATE INDEX events_group ON events ("group", time);`,
}

// knownSchema reads the file's schema version.
func knownSchema(db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (int, error) {
	var version int
	if err := db.QueryRowContext(context.Background(), `PRAGMA user_version`).Scan(&version); err != nil {
		return 0, err
	}
	if version > len(migrations) {
		return 0, fmt.Errorf("%w: its schema is %d, this one knows %d", ErrNewer, version, len(migrations))
	}
	return version, nil
}

// migrate brings the file to the newest schema, each step in a transaction of
// its own that holds the new version too.
func migrate(db *sql.DB) error {
	for {
		done, err := migrateStep(db)
		if err != nil || done {
			return err
		}
	}
}

func migrateStep(db *sql.DB) (done bool, err error) {
	// The version is read under the write lock: another process may be at it.
	tx, err := db.Begin()
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // after a commit it does nothing
	version, err := knownSchema(tx)
	if err != nil || version == len(migrations) {
		return true, err
	}
	if _, err := tx.Exec(migrations[version]); err != nil {
		return false, fmt.Errorf("schema %d: %w", version+1, err)
	}
	if _, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version+1)); err != nil {
		return false, err
	}
	return false, tx.Commit()
}

// checkedWhole is the size in bytes up to which a file is checked from end to
// end when it is opened, which takes about a second there. Damage in a larger
// one shows when it is met.
const checkedWhole = 256 << 20

// check looks for damage.
func check(db *sql.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > checkedWhole {
		_, err := db.Exec(`SELECT id FROM events ORDER BY time DESC, id DESC LIMIT 1`)
		return err
	}
	var verdict string
	if err := db.QueryRow(`PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return nil
}
