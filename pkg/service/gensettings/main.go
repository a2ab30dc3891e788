// Command gensettings writes .env.example and docs/settings.md from the table
// of settings in pkg/service. Run it by "go generate ./pkg/service".
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tocsin/pkg/service"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	root, err := repository()
	if err != nil {
		return err
	}
	files := map[string]string{
		".env.example":                       service.EnvExample(),
		filepath.Join("docs", "settings.md"): service.SettingsPage(),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("cannot write %s: %w", name, err)
		}
	}
	return nil
}

// repository is the folder of go.work, here or above.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot tell the working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("cannot find go.work here or above")
		}
		dir = up
	}
}
