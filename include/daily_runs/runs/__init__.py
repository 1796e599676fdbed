"""Which run, where, asking what: trigger form, selection, routing, opening an attempt, rerun."""
