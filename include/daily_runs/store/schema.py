"""The store's schema as it stands, as SQL: what `schema.sql` holds, which `make schema` writes and a test compares."""

from __future__ import annotations

import os
import re
import subprocess

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daily_runs.errors import AccessError
from daily_runs.store.embedded import binaries
from daily_runs.store.session import place_of

_HEAD = (
    "-- The store's schema as all migrations together leave it. `make schema` writes this file; nobody edits it.\n"
    "-- To change the schema, add a migration (docs/decisions/0003-alembic-with-sql.md).\n"
)
_SETTINGS = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.MULTILINE)
"""Of the dump, not of the schema: they name versions of the server, or differ from one dump to the next."""


def dump(url: str) -> str:
    """Tables, views, functions and rights of `daily_runs` and `contract`, always in the same order, without owners.

    Raises:
        AccessError: it cannot be read, or its server is newer than the `pg_dump` that comes with this version.
    """
    parts = conninfo_to_dict(url)
    variables = {**os.environ, "PGPASSWORD": str(parts.pop("password", ""))}  # arguments are seen by everybody
    words = ["--schema-only", "--no-owner", "--schema=daily_runs", "--schema=contract"]
    command = [str(binaries() / "pg_dump"), *words, "--dbname", make_conninfo("", **parts)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[0]
        raise AccessError(place_of(url), f"its schema cannot be read ({reason})", "Run: daily-runs doctor")
    bare = _SETTINGS.sub("", done.stdout)
    return _HEAD + "\n" + re.sub(r"\n{3,}", "\n\n", bare).strip() + "\n"
