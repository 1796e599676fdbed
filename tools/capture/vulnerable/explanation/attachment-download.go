// Package attachments serves the files that users added to a ticket.
package attachments

import (
	"io"
	"log"
	"net/http"
	"os"
)

// Server hands out attachments from one folder.
type Server struct {
	root string
}

// ServeHTTP answers GET /attachments?name=...
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" {
		http.Error(w, "name is needed", http.StatusBadRequest)
		return
	}
	file, err := os.Open(s.root + "/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() {
		if err := file.Close(); err != nil {
			log.Print("an attachment could not be closed")
		}
	}()
	w.Header().Set("Content-Disposition", "attachment")
	if _, err := io.Copy(w, file); err != nil {
		log.Print("sending an attachment failed")
	}
}
