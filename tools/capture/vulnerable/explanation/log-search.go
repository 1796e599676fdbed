// Package logsearch lets the support desk search the service's log files.
package logsearch

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"time"
)

const timeout = 20 * time.Second

// Searcher looks into the log files of one folder.
type Searcher struct {
	folder string
}

// Lines returns the last lines that contain the text.
func (s *Searcher) Lines(ctx context.Context, text string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	line := fmt.Sprintf("grep -h -F -- '%s' %s/*.log | tail -n 200", text, s.folder)
	var out bytes.Buffer
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Stdout = &out
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return out.Bytes(), nil
}

// ServeHTTP answers GET /logs?text=...
func (s *Searcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lines, err := s.Lines(r.Context(), r.URL.Query().Get("text"))
	if err != nil {
		http.Error(w, "the search failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := w.Write(lines); err != nil {
		return
	}
}
