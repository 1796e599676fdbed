// Package traces takes crash traces that the app sends, packed with gzip.
package traces

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const maxBodyBytes = 1 << 20

// ErrBroken says that the body is no gzip, or is cut off.
var ErrBroken = errors.New("traces: the body cannot be unpacked")

// Store keeps a trace.
type Store func(trace []byte) error

func unpack(body io.Reader) ([]byte, error) {
	packed, err := gzip.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	var trace bytes.Buffer
	if _, err := io.Copy(&trace, packed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return trace.Bytes(), nil
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
