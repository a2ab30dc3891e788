package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server serves metrics and health of one process.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// ServeHTTP starts to serve /metrics, /healthz and /readyz on METRICS_HOST and
// the port of the process (see Settings.Port). An address that cannot be had is
// a *SettingsError that names METRICS_PORT or METRICS_HOST.
func ServeHTTP(rt *Runtime) (*Server, error) {
	port := rt.Settings.Port(rt.Name)
	host := strings.Trim(rt.Settings.MetricsHost, "[]")
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, listenError(rt, port, err)
	}
	s := &Server{listener: listener, http: &http.Server{
		Handler:           rt.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			rt.Log.Error("metrics and health are no longer served", "error", err)
		}
	}()
	return s, nil
}

// Addr is the address that is listened on, such as "127.0.0.1:2112".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is where a browser on this machine finds the metrics.
func (s *Server) URL() string {
	addr, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return s.Addr()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(addr.Port)) + "/metrics"
}

// Stop answers what has been asked, at most until ctx ends, and closes.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// handler answers on the three paths. What /readyz tells is readable by
// everybody who reaches the port: it passes the Redactor.
func (rt *Runtime) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(rt.Registry, promhttp.HandlerOpts{
		ErrorLog:      promLog{rt},
		ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		problems := rt.Health.Problems()
		if len(problems) == 0 {
			plain(w, http.StatusOK, "ready\n")
			return
		}
		plain(w, http.StatusServiceUnavailable, rt.Secrets.String(strings.Join(problems, "\n"))+"\n")
	})
	return mux
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // an asker that is gone needs no answer
}

// promLog passes what goes wrong while metrics are collected to the log.
type promLog struct{ rt *Runtime }

func (l promLog) Println(v ...any) {
	l.rt.Log.Error("cannot collect all metrics", "error", strings.TrimSpace(fmt.Sprintln(v...)))
}

// listenError tells which of the two settings of the address must change.
func listenError(rt *Runtime, port int, err error) error {
	problem := Problem{Name: "METRICS_PORT", Value: strconv.Itoa(port)}
	free := fmt.Sprintf("set it to a free port (the default of %s is %d) or to 0 for any", rt.Name, defaultPort(rt.Name))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		problem.Want = "the port is taken: " + free
	case errors.Is(err, syscall.EACCES):
		problem.Want = "the port may not be used: " + free
	default:
		problem = Problem{Name: "METRICS_HOST", Value: rt.Settings.MetricsHost,
			Want: "it must be an address of this machine: " + listenReason(err)}
	}
	return &SettingsError{[]Problem{problem}}
}

func listenReason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}
