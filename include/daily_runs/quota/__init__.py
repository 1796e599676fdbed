"""Leave to send: tariffs, the ledger with its rows, the pacer, what answers tell of limits, the month's budget."""
