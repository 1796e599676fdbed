// Package tokencache keeps the access token of the command line between two calls.
package tokencache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	if err := os.WriteFile(c.file, content, 0o644); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
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
