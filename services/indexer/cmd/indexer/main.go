// Command indexer stores events where they can be found again.
package main

import (
	"context"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/indexer"
)

func main() {
	os.Exit(service.Main(service.Indexer, func(ctx context.Context, rt *service.Runtime) error {
		s, err := indexer.New(ctx, indexer.OptionsFrom(rt))
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}))
}
