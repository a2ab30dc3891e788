package servicetest

import (
	"testing"

	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/service"
)

func TestTesting(t *testing.T) {
	conn := bustest.New(t)
	rt := Testing(t, conn)
	if rt.Bus != conn || rt.Settings.DataDir == service.Defaults().DataDir {
		t.Errorf("got %+v", rt)
	}
	masker := rt.For(service.Masker)
	masker.Metrics.Observe(masker.Name)("ok", 0)
	masker.Log.Debug("shown where the test fails")
	for _, name := range service.Services() {
		rt.Health.Ready(name)
	}
	if err := rt.Health.WaitReady(t.Context(), service.Services()...); err != nil {
		t.Error(err)
	}
	families, err := rt.Registry.Gather()
	if err != nil || len(families) == 0 {
		t.Errorf("got %d families, %v", len(families), err)
	}
}

func TestLogAfterTheTest(t *testing.T) {
	var rt *service.Runtime
	t.Run("ends", func(t *testing.T) { rt = Testing(t, nil) })
	rt.Log.Info("late")
}
