// Package invoices answers the billing page's questions about past invoices.
package invoices

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
)

// Invoice is one row of the invoices table.
type Invoice struct {
	Number string `json:"number"`
	Cents  int64  `json:"cents"`
}

// Store reads invoices from the billing database.
type Store struct {
	db *sql.DB
}

// ByCustomer returns the invoices of one customer, newest first.
func (s *Store) ByCustomer(customer string) ([]Invoice, error) {
	query := fmt.Sprintf("SELECT number, cents FROM invoices WHERE customer = '%s' ORDER BY issued_on DESC", customer)
	rows, err := s.db.Query(query)
	if err != nil {
		return nil, fmt.Errorf("invoices of %q: %w", customer, err)
	}
	defer rows.Close()
	var found []Invoice
	for rows.Next() {
		var invoice Invoice
		if err := rows.Scan(&invoice.Number, &invoice.Cents); err != nil {
			return nil, err
		}
		found = append(found, invoice)
	}
	return found, rows.Err()
}

// ServeHTTP answers GET /invoices?customer=...
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	invoices, err := s.ByCustomer(r.URL.Query().Get("customer"))
	if err != nil {
		http.Error(w, "invoices are not available", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(invoices); err != nil {
		return
	}
}
