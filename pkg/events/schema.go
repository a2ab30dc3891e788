package events

import (
	"embed"
	"fmt"
)

//go:embed schema/event.v*.json
var schemas embed.FS

// Schema gives the JSON Schema (draft 2020-12) of one version of the event's
// encoding. A reader must accept fields it does not know: they are added
// without a new version.
func Schema(version int) ([]byte, error) {
	data, err := schemas.ReadFile(fmt.Sprintf("schema/event.v%d.json", version))
	if err != nil {
		return nil, fmt.Errorf("cannot give the schema of version %d: the newest is %d", version, SchemaVersion)
	}
	return data, nil
}
