// Package seats books seats of a concert hall.
package seats

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
)

// ErrSoldOut says that fewer seats are left than were asked for.
var ErrSoldOut = errors.New("seats: sold out")

// Hall counts the seats that are still free.
type Hall struct {
	mu   sync.Mutex
	free int32
}

// Book takes seats out of the free ones.
func (h *Hall) Book(count int32) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if count > h.free {
		return ErrSoldOut
	}
	h.free -= count
	return nil
}

// ServeHTTP answers POST /book?seats=...
func (h *Hall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wanted, err := strconv.Atoi(r.URL.Query().Get("seats"))
	if err != nil || wanted < 1 {
		http.Error(w, "seats must be a number above zero", http.StatusBadRequest)
		return
	}
	if err := h.Book(int32(wanted)); err != nil {
		http.Error(w, "sold out", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusCreated)
}
