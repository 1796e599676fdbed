"""`python -m daily_runs.cli`."""

from daily_runs.cli.main import main

main()
