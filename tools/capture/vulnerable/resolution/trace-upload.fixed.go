// Package traces takes crash traces that the app sends, packed with gzip.
package traces

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	maxBodyBytes  = 1 << 20
	maxTraceBytes = 16 << 20
)

// ErrBroken says that the body is no gzip, is cut off, or unpacks to more than 16 MiB.
var ErrBroken = errors.New("traces: the body cannot be unpacked")

// Store keeps a trace.
type Store func(trace []byte) error

func unpack(body io.Reader) ([]byte, error) {
	packed, err := gzip.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	trace, err := io.ReadAll(io.LimitReader(packed, maxTraceBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if len(trace) > maxTraceBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrBroken, maxTraceBytes)
	}
	return trace, nil
}

// Handler answers POST /traces. Everybody who has the app may send one.
func Handler(store Store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		trace, err := unpack(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if err != nil {
			http.Error(w, "not a packed trace", http.StatusBadRequest)
			return
		}
		if err := store(trace); err != nil {
			http.Error(w, "the trace was not stored", http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}
