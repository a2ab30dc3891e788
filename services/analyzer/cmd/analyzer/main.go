// Command analyzer asks a language model why a problem happened.
package main

import (
	"context"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/analyzer"
)

func main() {
	os.Exit(service.Main(service.Analyzer, func(ctx context.Context, rt *service.Runtime) error {
		s, err := analyzer.New(ctx, analyzer.OptionsFrom(rt))
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}))
}
