// Command alerter is the alerter as a process of its own.
package main

import (
	"context"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/alerter"
)

func main() {
	os.Exit(service.Main("alerter", func(ctx context.Context, rt *service.Runtime) error {
		s, err := alerter.New(ctx, alerter.OptionsFrom(rt))
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}))
}
