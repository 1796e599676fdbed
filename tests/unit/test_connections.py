"""Connections: what is read, what is refused in one line, and that no secret is ever shown."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from daily_runs import connections
from daily_runs.connections import SANDBOX_HEADER, Connection, find
from daily_runs.errors import AccessError
from daily_runs.sandbox.world.wire import SANDBOX_HEADER as SANDBOX_HEADER_SENT

SECRET = "glpat-do-not-show"
NAME = "DAILY_RUNS_STAGING"
DEFAULT = "https://staging.example.com"
USERS = ("evaluation-1", "evaluation-2")


def look(value: object, *, users: Sequence[str] = USERS, sandbox: bool = False, default: str = DEFAULT) -> Connection:
    environ: Mapping[str, str] = {}
    if value is not None:
        environ = {NAME: value if isinstance(value, str) else json.dumps(value)}
    return find("daily_runs_staging", default_address=default, users=users, sandbox=sandbox, environ=environ)


KEYS = dict.fromkeys(USERS, SECRET)


def test_a_connection_gives_its_address_and_a_key_per_user() -> None:
    found = look({"address": "https://gitlab.example.com/base/", "keys": KEYS})
    assert found == Connection("https://gitlab.example.com/base", KEYS)


def test_the_catalogues_address_holds_where_the_connection_names_none() -> None:
    assert look({"keys": KEYS}).address == DEFAULT


def test_keys_of_nobody_asked_for_are_not_carried_along() -> None:
    assert look({"keys": {**KEYS, "somebody-else": SECRET}}).keys == KEYS


@pytest.mark.parametrize("unset", [None, "", "  \n"])
def test_the_sandbox_knows_its_users_without_any_setting(unset: str | None) -> None:
    found = look(unset, sandbox=True, default="http://127.0.0.1:8390/staging")
    assert found.address == "http://127.0.0.1:8390/staging"
    assert found.keys == {"evaluation-1": "sandbox-evaluation-1", "evaluation-2": "sandbox-evaluation-2"}


def test_a_connection_that_is_set_wins_over_the_sandboxs_own() -> None:
    assert look({"keys": KEYS}, sandbox=True).keys == KEYS


BROKEN: dict[str, tuple[object, str]] = {
    "not set": (None, "is not set"),
    "blank": (" ", "is not set"),
    "not JSON": (f"https://user:{SECRET}@gitlab.example.com", "is not a JSON object"),
    "cut JSON": (f'{{"keys": {{"evaluation-1": "{SECRET}"', "is not a JSON object"),
    "a list": ([SECRET], "is not a JSON object"),
    "too deep": ("[" * 100_000, "is not a JSON object"),
    "unknown fields": ({"keys": KEYS, "adress": "x", "token": SECRET}, "has unknown fields 'adress', 'token'"),
    "no keys": ({"address": DEFAULT}, "has no object 'keys'"),
    "keys of another kind": ({"keys": [SECRET]}, "has no object 'keys'"),
    "a missing user": ({"keys": {"evaluation-1": SECRET}}, "has no key for evaluation-2"),
    "no user at all": ({"keys": {}}, "has no key for evaluation-1, evaluation-2"),
    "an empty key": ({"keys": {**KEYS, "evaluation-2": ""}}, "the key of evaluation-2 is empty, or not plain"),
    "a key with a line break": ({"keys": {**KEYS, "evaluation-1": SECRET + "\n"}}, "the key of evaluation-1 is empty"),
    "a key that is a number": ({"keys": {**KEYS, "evaluation-1": 7}}, "the key of evaluation-1 is empty"),
    "a key beyond ASCII": ({"keys": {**KEYS, "evaluation-1": SECRET + "é"}}, "the key of evaluation-1 is empty"),
    "no scheme": ({"keys": KEYS, "address": "gitlab.example.com"}, "an address 'gitlab.example.com' that is not an"),
    "another scheme": ({"keys": KEYS, "address": "ftp://a.example.com"}, "that is not an http or https URL"),
    "no host": ({"keys": KEYS, "address": "https://"}, "that is not an http or https URL"),
    "a port of letters": ({"keys": KEYS, "address": "https://a.example.com:x"}, "that is not an http or https URL"),
    "a port too high": ({"keys": KEYS, "address": "https://a.example.com:99999"}, "that is not an http or https URL"),
    "a space": ({"keys": KEYS, "address": "https://a.example.com /"}, "that is not an http or https URL"),
    "half an IPv6 host": ({"keys": KEYS, "address": "https://[::1"}, "that is not an http or https URL"),
    "a login": ({"keys": KEYS, "address": f"https://u:{SECRET}@a.example.com"}, "an address with a login"),
    "a login in no URL": ({"keys": KEYS, "address": f"u:{SECRET}@a.example.com"}, "an address that is not an http"),
    "a query": ({"keys": KEYS, "address": f"https://a.example.com?key={SECRET}"}, "an address with a login, a query"),
    "an address of another kind": ({"keys": KEYS, "address": 5}, "an 'address' that is not a text"),
}


@pytest.mark.parametrize(("value", "problem"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_connection_is_one_line_with_place_and_remedy_and_no_secret(value: object, problem: str) -> None:
    with pytest.raises(AccessError) as caught:
        look(value)
    error = caught.value
    assert (error.place, "\n" in str(error)) == (f"environment variable {NAME}", False)
    assert problem in error.problem
    assert error.remedy
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(pickle.loads(pickle.dumps(error)))
    assert SECRET not in shown


def test_an_address_of_the_catalogue_that_is_no_url_is_told_as_the_catalogues() -> None:
    with pytest.raises(AccessError, match=r"^the catalogue: "):
        look(None, sandbox=True, default="nowhere")


def test_a_connection_shows_no_secret() -> None:
    found = look({"keys": KEYS})
    assert SECRET not in repr(found) + str(found) + f"{found}"


HERE = (
    "http://127.0.0.1:8390/staging",
    "http://localhost:8390",
    "https://LOCALHOST./x",
    "http://gitlab.localhost",
    "http://[::1]:8390",
    "http://[::ffff:127.0.0.1]/",
    "http://127.8.9.10",
    "http://127.1",
    "http://2130706433:80",
    "http://0x7f000001",
    "http://0.0.0.0:8390",
    "http://[::]:80",
)
"""Addresses of this machine, in notations that a client follows."""
ELSEWHERE = ("https://staging.example.com", "http://128.0.0.1", "http://localhost.example.com", "http://[2001:db8::1]")


@pytest.mark.parametrize("address", HERE)
def test_a_live_connection_to_this_machine_is_refused_wherever_its_address_stands(address: str) -> None:
    for given, default in (({"keys": KEYS, "address": address}, DEFAULT), ({"keys": KEYS}, address)):
        with pytest.raises(
            AccessError, match="which is this machine, and the catalogue's provenance is live"
        ) as caught:
            look(given, default=default)
        assert repr(address) in str(caught.value)
    assert look({"keys": KEYS, "address": address}, sandbox=True).keys == KEYS


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_live_connection_to_another_machine_is_taken(address: str) -> None:
    assert look({"keys": KEYS, "address": address}).address == address


def test_a_name_that_this_machines_own_list_gives_a_loopback_address_is_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n10.0.0.7 there.example\n127.0.1.1\tGitLab.example # ours\n#127.0.0.1 not.example"
    )
    monkeypatch.setattr(connections, "_HOSTS_FILE", hosts)
    with pytest.raises(AccessError, match="which is this machine"):
        look({"keys": KEYS, "address": "https://gitlab.example/x"})
    for name in ("there.example", "not.example", "ours"):
        assert look({"keys": KEYS, "address": f"https://{name}"}).address == f"https://{name}"


def test_the_sandboxs_own_header_is_the_one_that_live_runs_refuse() -> None:
    assert (SANDBOX_HEADER.encode(), b"1") == SANDBOX_HEADER_SENT
