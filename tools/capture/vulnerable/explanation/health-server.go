// Package health starts the public server of the appointment service.
package health

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const shutdownTimeout = 10 * time.Second

// Check says what is wrong; nil if all is well.
type Check func(context.Context) error

func handler(check Check, appointments http.Handler) http.Handler {
	routes := http.NewServeMux()
	routes.Handle("/appointments/", appointments)
	routes.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if err := check(r.Context()); err != nil {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return routes
}

// Serve answers on the address until the context ends. There is no proxy in front of it.
func Serve(ctx context.Context, address string, check Check, appointments http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler(check, appointments)}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(last)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
