// Package tokencache keeps the access token of the command line between two calls.
package tokencache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Token opens the service's API until it expires.
type Token struct {
	Value   string    `json:"value"`
	Expires time.Time `json:"expires"`
}

// Cache is a file in the user's home.
type Cache struct {
	file string
}

// Save replaces the kept token.
func (c Cache) Save(token Token) error {
	content, err := json.Marshal(token)
	if err != nil {
		return err
	}
	// CreateTemp makes the file for its owner only; an old file's wider rights are not taken over.
	fresh, err := os.CreateTemp(filepath.Dir(c.file), "token-")
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	_, err = fresh.Write(content)
	if err := errors.Join(err, fresh.Close()); err != nil {
		return errors.Join(fmt.Errorf("keep the token: %w", err), os.Remove(fresh.Name()))
	}
	return os.Rename(fresh.Name(), c.file)
}

// Load returns the kept token, and false if there is none or it has expired.
func (c Cache) Load(now time.Time) (Token, bool, error) {
	content, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, err
	}
	var token Token
	if err := json.Unmarshal(content, &token); err != nil {
		return Token{}, false, fmt.Errorf("read the kept token: %w", err)
	}
	return token, now.Before(token.Expires), nil
}
