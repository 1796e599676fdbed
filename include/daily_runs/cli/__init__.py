"""The command line: a module for each command; `main` lists them."""
