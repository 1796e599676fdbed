"""Rows of a contract view as a file: CSV, or Parquet."""
