// The collector reads log files, recognises what is wrong in them and publishes
// it as events.
package main

import (
	"context"
	"os"

	"tocsin/pkg/service"
	"tocsin/services/collector"
)

func main() {
	os.Exit(service.Main("collector", func(ctx context.Context, rt *service.Runtime) error {
		s, err := collector.New(ctx, collector.OptionsFrom(rt))
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}))
}
