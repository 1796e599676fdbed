// Package manuals serves the manuals of our machines, in all languages.
package manuals

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// Shelf is a folder with a subfolder for each language.
type Shelf struct {
	folder string
}

// page reads one manual.
func (s Shelf) page(language, machine string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.folder, language, machine+".html"))
}

// ServeHTTP answers GET /manuals?language=en&machine=press-40
func (s Shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	text, err := s.page(query.Get("language"), query.Get("machine"))
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, "the manual cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, err := w.Write(text); err != nil {
		return
	}
}
