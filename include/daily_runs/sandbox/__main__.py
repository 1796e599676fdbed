"""`python -m daily_runs.sandbox`: the sandbox as a process of its own (`daily-runs sandbox` does the same)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from daily_runs.errors import UserError
from daily_runs.sandbox import server


def main() -> int:
    """Serve; 2 and one line on standard error for bad input."""
    parser = argparse.ArgumentParser(prog="python -m daily_runs.sandbox", description=server.__doc__)
    parser.add_argument("--host", default=server.DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=server.DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--time-scale", type=float, default=1.0, help="domain seconds in one second of the clock")
    parser.add_argument("--scenario", type=Path, help="JSON file of faults")
    parser.add_argument("--stop-on-stdin-eof", action="store_true", help="stop when standard input ends")
    given = parser.parse_args()
    try:
        server.run(
            given.host,
            given.port,
            given.time_scale,
            given.scenario,
            stop_on_stdin_eof=given.stop_on_stdin_eof,
        )
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
