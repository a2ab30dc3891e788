// Command masker takes secrets and personal data out of events.
package main

import (
	"context"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/masker"
)

func main() {
	os.Exit(service.Main(service.Masker, func(ctx context.Context, rt *service.Runtime) error {
		s, err := masker.New(ctx, masker.OptionsFrom(rt))
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}))
}
