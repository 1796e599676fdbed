"""What a connection's extra must be for Airflow's tasks to take it: nothing in it is dropped without a word."""

from __future__ import annotations

import json
import traceback

import pytest
from airflow.sdk import Connection

from daily_runs.errors import AccessError
from daily_runs_airflow import connections

SECRET = "glpat-do-not-show"


def given(monkeypatch: pytest.MonkeyPatch, extra: str | None, host: str = "") -> None:
    """Any connection is this one of Airflow's, with its extra as somebody typed it."""
    found = Connection(conn_id="any", conn_type="generic", host=host, extra=extra)
    monkeypatch.setattr(connections, "airflow_connection", lambda _: found)


BROKEN = {
    "an option of a URL": f"sslmode=verify-full&sslpassword={SECRET}",
    "a comma too many": f'{{"sslmode": "verify-full", "sslpassword": "{SECRET}",}}',
    "single quotes": f"{{'sslmode': 'verify-full', 'sslpassword': '{SECRET}'}}",
    "cut": f'{{"sslmode": "verify-full", "sslpassword": "{SECRET}',
    "a list": '["sslmode"]',
    "a text": '"sslmode=require"',
    "a number": "5",
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("extra", BROKEN.values(), ids=BROKEN.keys())
def test_an_extra_that_is_no_json_object_is_refused_and_not_taken_for_none(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, extra)
    with pytest.raises(AccessError, match="connection daily_runs_store: has an extra that is not a JSON object") as one:
        connections.store_url()
    with pytest.raises(AccessError, match="connection daily_runs_staging: has an extra that is not a JSON obj") as two:
        connections.find("daily_runs_staging", default_address="https://a.example.com", users=["u"], sandbox=True)
    shown = "".join(text for caught in (one, two) for text in traceback.format_exception(caught.value))
    assert SECRET not in shown


@pytest.mark.parametrize("extra", [None, "", " \n", "{}"])
def test_a_connection_without_an_extra_has_no_options(extra: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, extra, host="db.example.com")
    assert connections.store_url() == "postgresql://db.example.com/"


def test_keys_are_read_from_an_extra_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, json.dumps({"keys": {"u": SECRET}}))
    found = connections.find("daily_runs_staging", default_address="https://a.example.com", users=["u"], sandbox=True)
    assert found.keys == {"u": SECRET}
