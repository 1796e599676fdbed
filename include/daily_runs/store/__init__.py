"""Postgres: where every row lands as it is made."""
