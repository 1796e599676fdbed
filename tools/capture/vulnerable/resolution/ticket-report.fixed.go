// Package tickets counts the tickets of a team for its weekly report.
package tickets

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Count is the number of tickets in a state.
type Count struct {
	State   string
	Tickets int
}

// Report reads from the ticket database, a PostgreSQL.
type Report struct {
	db *sql.DB
}

// ByState counts a team's tickets of the last days by state, the most frequent one first.
func (r *Report) ByState(ctx context.Context, team string, since time.Time) ([]Count, error) {
	query := "SELECT state, count(*) FROM tickets WHERE opened_at >= $1 AND team = $2 GROUP BY 1 ORDER BY 2 DESC"
	rows, err := r.db.QueryContext(ctx, query, since, team)
	if err != nil {
		return nil, fmt.Errorf("tickets of %q: %w", team, err)
	}
	defer func() { _ = rows.Close() }()
	var counts []Count
	for rows.Next() {
		var count Count
		if err := rows.Scan(&count.State, &count.Tickets); err != nil {
			return nil, fmt.Errorf("tickets of %q: %w", team, err)
		}
		counts = append(counts, count)
	}
	return counts, rows.Err()
}
