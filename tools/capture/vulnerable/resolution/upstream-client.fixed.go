// Package upstream talks to the payment provider's API.
package upstream

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Payment is what the provider knows of one payment.
type Payment struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// Client calls the provider with the shop's key.
type Client struct {
	base string
	key  string
	http *http.Client
}

// NewClient returns a client that gives up after ten seconds.
func NewClient(base, key string) *Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	return &Client{base: base, key: key, http: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// Payment looks one payment up.
func (c *Client) Payment(ctx context.Context, id string) (*Payment, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/payments/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("payment %s: %w", id, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("payment %s: status %d", id, response.StatusCode)
	}
	var payment Payment
	if err := json.NewDecoder(response.Body).Decode(&payment); err != nil {
		return nil, fmt.Errorf("payment %s: %w", id, err)
	}
	return &payment, nil
}
