package main

import (
	"context"

	"tocsin/pkg/service"
	"tocsin/services/alerter"
	"tocsin/services/analyzer"
	"tocsin/services/collector"
	"tocsin/services/indexer"
	"tocsin/services/masker"
)

// parts makes the five services, in the order of the data. opened is called
// with what the collector found once its files are open, before the collector
// counts as ready.
func (u *up) parts(ctx context.Context, opened func(collector.Overview)) ([]part, error) {
	var reader *collector.Service
	reading := collector.OptionsFrom(u.rt.For(service.Collector))
	ready := reading.Ready
	reading.Ready = func() { opened(reader.Overview()); ready() }
	reader, err := collector.New(ctx, reading)
	if err != nil {
		return nil, err
	}
	hider, err := masker.New(ctx, masker.OptionsFrom(u.rt.For(service.Masker)))
	if err != nil {
		return nil, err
	}
	asker, err := analyzer.New(ctx, analyzer.OptionsFrom(u.rt.For(service.Analyzer)))
	if err != nil {
		return nil, err
	}
	keeper, err := indexer.New(ctx, indexer.OptionsFrom(u.rt.For(service.Indexer)))
	if err != nil {
		return nil, err
	}
	ringing := alerter.OptionsFrom(u.rt.For(service.Alerter))
	ringing.Out, ringing.Format = u.stdout, u.command.Alerts
	ringer, err := alerter.New(ctx, ringing)
	if err != nil {
		return nil, err
	}
	return []part{
		{service.Collector, reader.Run},
		{service.Masker, hider.Run},
		{service.Analyzer, asker.Run},
		{service.Indexer, keeper.Run},
		{service.Alerter, ringer.Run},
	}, nil
}
