"""The store's URL out of Airflow's connection, as libpq reads it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import psycopg
import pytest
from airflow.sdk import Connection

from daily_runs.errors import AccessError
from daily_runs_airflow import connections


def given(monkeypatch: pytest.MonkeyPatch, extra: object, **fields: Any) -> None:
    """The Airflow connection of the store."""
    parts = {"host": "db.example.com", "login": "runs", "password": "p@ss/word", "schema": "daily_runs", "port": 5432}
    text = json.dumps({"conn_type": "postgres", "extra": extra, **parts, **fields})
    monkeypatch.setenv("AIRFLOW_CONN_DAILY_RUNS_STORE", text)
    monkeypatch.setattr(connections, "airflow_connection", lambda name: Connection.from_json(text, conn_id=name))


class Carried(NamedTuple):
    """An extra, and what libpq must be told beside the fields."""

    extra: dict[str, object]
    told: dict[str, str]


CARRIED = (
    Carried({}, {}),
    Carried(
        {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
        {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
    ),
    Carried({"target_session_attrs": "read-write"}, {"target_session_attrs": "read-write"}),
    Carried({"options": "-c search_path=a,b -c x=1&2"}, {"options": "-c search_path=a,b -c x=1&2"}),
    Carried({"connect_timeout": 3, "keepalives_idle": "20"}, {"connect_timeout": "3", "keepalives_idle": "20"}),
    Carried({"sslcert": "/c d/é.pem", "sslpassword": "s%41+?"}, {"sslcert": "/c d/é.pem", "sslpassword": "s%41+?"}),
)


@pytest.mark.parametrize("case", CARRIED, ids=lambda case: ", ".join(case.extra) or "none")
def test_what_libpq_knows_reaches_it(case: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, case.extra)
    fields = {"host": "db.example.com", "port": "5432", "user": "runs", "password": "p@ss/word", "dbname": "daily_runs"}
    assert psycopg.conninfo.conninfo_to_dict(connections.store_url()) == fields | case.told


def test_several_hosts_each_get_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"target_session_attrs": "read-write"}, host="one.example.com,two.example.com", port=6432)
    told = psycopg.conninfo.conninfo_to_dict(connections.store_url())
    assert (told["host"], told["port"]) == ("one.example.com,two.example.com", "6432,6432")


@pytest.mark.parametrize("host", ["::1", "/var/run/postgresql", "db-1.internal"])
def test_a_host_is_an_address_of_any_kind_or_a_socket(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {}, host=host)
    assert psycopg.conninfo.conninfo_to_dict(connections.store_url())["host"] == host


REFUSED: dict[str, dict[str, object]] = {
    "a word that is almost libpq's": {"ssl_mode": "require"},
    "an option of Airflow's hook": {"cursor": "dictcursor"},
    "a login by IAM": {"iam": True, "aws_conn_id": "aws"},
    "SQLAlchemy's": {"sqlalchemy_query": {"sslmode": "require"}},
    "a host beside the host": {"host": "elsewhere.example.com"},
    "a session that takes no queries": {"replication": "database"},
}


@pytest.mark.parametrize("extra", REFUSED.values(), ids=REFUSED.keys())
def test_what_libpq_does_not_know_is_refused_by_name(extra: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"sslmode": "require", **extra})
    with pytest.raises(AccessError, match="connection daily_runs_store: has options") as caught:
        connections.store_url()
    assert all(repr(name) in str(caught.value) for name in extra)
    assert "'sslmode'" not in str(caught.value)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize("value", [True, None, ["require"], {"mode": "require"}])
def test_a_value_that_is_no_text_is_refused(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"sslmode": value})
    with pytest.raises(AccessError, match="has no text or number for sslmode"):
        connections.store_url()


def test_secrets_among_the_options_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[object] = []
    monkeypatch.setattr(connections, "mask_secret", masked.append)
    given(monkeypatch, {"sslpassword": "hidden", "sslmode": "require"})
    connections.store_url()
    assert masked == [["hidden"]]
