"""A store's URL whose password was not percent-encoded shows no part of it; one that is sound is read as libpq does."""

from __future__ import annotations

import traceback

import pytest

from daily_runs.errors import AccessError
from daily_runs.store import session
from daily_runs.store.url import parts_of

TORN = {
    "a password that begins like a port": "postgresql://runs:12/s3cret@db.example:5432/runs",
    "only a password with a slash": "postgresql://u/s3cret@h/db",
    "two slashes": "postgres://runs:5432/s3/s3cret@db.example/runs",
    "an at sign besides": "postgresql://runs:1/x@s3cret@db.example:5432/runs",
    "an encoded at sign besides": "postgresql://runs:1/s3cret%40x@db.example:5432/runs",
    "several hosts": "postgresql://runs:1/s3cret@one.example,two.example:5432/runs?target_session_attrs=read-write",
    "a socket": "postgresql://runs:1/s3cret@/runs?host=/run/postgresql",
}


@pytest.mark.parametrize("url", TORN.values(), ids=TORN.keys())
def test_a_url_that_its_passwords_slash_tears_apart_is_refused_and_never_quoted(url: str) -> None:
    with pytest.raises(AccessError, match="DAILY_RUNS_STORE: is no Postgres URL") as caught:
        session.place_of(url)
    assert "s3" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__context__ is None


SOUND = {
    "postgresql://runs:12%2Fs3cret@db.example:5432/runs": "runs",
    "postgresql://runs:x?y@db.example/runs": "runs",
    "postgresql://db.example/runs?user=me@server&password=a@b/c": "runs",
    "postgresql://runs:x@db.example/odd%40name%2F1": "odd@name/1",
    "host=db.example user=runs password=12/s3cret@x dbname=odd@name": "odd@name",
}


@pytest.mark.parametrize(("url", "database"), SOUND.items())
def test_a_name_is_odd_only_where_it_is_not_encoded(url: str, database: str) -> None:
    assert (parts_of(url)["host"], parts_of(url)["dbname"]) == ("db.example", database)
    assert "s3cret" not in session.place_of(url)
