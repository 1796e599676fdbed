"""`daily-runs quota` as a person types it, over a real store whose rows the ledger and the breaker made themselves."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from tests.typed import Result, Typist

from daily_runs.capacity.quota_status import NOTHING_YET, QuotaStatus, read_quota
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import quota as command_quota
from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.quota.ledger import Findings, Granted, Ledger, Settled
from daily_runs.quota.rate_limit_headers import Fact, Usage
from daily_runs.quota.tariff import CallRate, ExpectedTokens, Tariff, Window
from daily_runs.resilience.breaker import Breaker
from daily_runs.store.database import STORE_VARIABLE, Store

CATALOGUE = catalogue_files.load(overlay=None)
EVAL = CATALOGUE.accounts["EVAL"]
USERS = tuple(CATALOGUE.environments["staging"].evaluation_users)
WINDOW = Window("ai_action in staging", 160, 8 * 3600)
USER_RATE = CallRate("API requests in staging", 2000)
TARIFF = Tariff(
    "EVAL",
    EVAL,
    lane="duo_chat",
    share=0.3,
    priority=2,
    rates=[CallRate("duo_chat in staging", 50)],
    users=USERS,
    window=WINDOW,
    user_rate=USER_RATE,
)
HOLDER = "worker-1/42/cafe"
REAL_TIME = Clock(1.0)
CALL = ExpectedTokens(600, 50)
UNBOUND = Tariff("EVAL", EVAL, lane="duo_chat", share=0.3, priority=2, users=USERS, window=WINDOW)
"""As TARIFF, with no rate but the account's."""
BIG = ExpectedTokens(3_000_000, 500)
"""More than EVAL's bucket holds (10 s of 4 M tokens/min): the next call waits for it."""


@pytest.fixture(autouse=True)
def this_store_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    """The test's store, no local stack, no settings of whoever runs the tests."""
    for name in ("DAILY_RUNS_INCLUDE", "DAILY_RUNS_OVERLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(STORE_VARIABLE, store_url)


@pytest.fixture
def quota(typed: Typist) -> Callable[..., Result]:
    """The command."""
    return functools.partial(typed, "quota")


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """The ledger in real time, on a store without a row."""
    return Ledger(store, REAL_TIME.time_scale)


def asked(ledger: Ledger, count: int = 1, tariff: Tariff = TARIFF) -> Granted:
    """One holder asks for so many calls."""
    return ledger.reserve(HOLDER, tariff, [CALL] * count)


def line_of(out: str, *words: str) -> str:
    """The one line that has all these words, spaces drawn together."""
    (line,) = [line for line in out.splitlines() if all(word in line for word in words)]
    return " ".join(line.split())


def shown_at_once(store: Store) -> str:
    """What is printed, without the command's start: states are of the last second."""
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(command_quota.rendered(read_quota(store, CATALOGUE)))
    return console.export_text()


def open_breaker(store: Store) -> None:
    """Three faults in a row of one provider."""

    async def fail_thrice() -> None:
        async with Breaker(store, "gitlab staging", REAL_TIME) as breaker:
            for _ in range(3):
                with pytest.raises(CallError):
                    async with breaker.call():
                        raise CallError(Hop.GITLAB, "gitlab_error", blame=Blame.PROVIDER, retryable=True)

    asyncio.run(fail_thrice())


def test_an_empty_ledger_is_said_to_be_empty_and_is_no_fault(store: Store, quota: Callable[..., Result]) -> None:
    assert quota() == Result(0, f"{NOTHING_YET}\n", "")


def test_an_empty_ledger_is_empty_lists_for_a_script(store: Store, quota: Callable[..., Result]) -> None:
    data = json.loads(quota("--json").out)
    assert data.pop("time_scale") == 1.0
    assert sorted(data) == ["breakers", "holders", "lanes", "limits", "use", "users"]
    assert not any(data.values())


def test_a_promised_call_is_seen_in_limits_feature_holder_and_user(
    ledger: Ledger, quota: Callable[..., Result]
) -> None:
    asked(ledger)
    code, out, _ = quota()
    assert code == 0
    assert "input tokens 4,000,000 4,000,000 0 0%" in line_of(out, "account EVAL input tokens")
    assert "requests 4,000 4,000 0 0%" in line_of(out, "account EVAL requests")
    assert line_of(out, "duo_chat in staging") == "duo_chat in staging 50 50"
    assert "duo_chat EVAL 30.0%" in line_of(out, "duo_chat", "30.0%")
    assert line_of(out, HOLDER) == f"{HOLDER} duo_chat EVAL 0 1 0.0"
    assert line_of(out, "ai_action in staging") == "ai_action in staging evaluation-1 1 160"
    assert "Circuit breakers (calls, faults: of the last 10 s that had any): none" in out


def test_users_whose_rates_are_alike_take_one_line(ledger: Ledger, quota: Callable[..., Result]) -> None:
    asked(ledger)
    lines = [line for line in quota().out.splitlines() if line.strip().startswith("API requests")]
    assert [" ".join(line.split()) for line in lines] == [f"API requests in staging of {len(USERS)} users 2,000 2,000"]


def test_a_user_who_is_held_keeps_a_line_of_its_own(ledger: Ledger, quota: Callable[..., Result]) -> None:
    asked(ledger)
    ledger.hold("API requests in staging of evaluation-6", 299)
    out = quota().out
    assert line_of(out, "API requests in staging of evaluation-6")[:-3].endswith("1 refused, held 29")
    assert "held" not in line_of(out, "API requests in staging of 5 users")


class Push(NamedTuple):
    """Findings that push the account's requests back, and what the last column says of it."""

    says: str
    findings: Findings
    words: tuple[str, ...]


FULL = Fact(4000, 600, 0, 1)
PUSHES = (
    Push("a 429 with its headers", Findings(facts={"requests": FULL}, refused={"requests": 30}), ("1 refused",)),
    Push("a 429 without", Findings(refused={"requests": 299}), ("1 refused, held 29",)),
    Push("a lower limit", Findings(facts={"requests": Fact(1000, 150, 0, 1)}), ("headers say 1,000",)),
)


@pytest.mark.parametrize("case", PUSHES, ids=lambda case: case.says)
def test_what_pushes_a_limit_back_stands_in_its_line(ledger: Ledger, quota: Callable[..., Result], case: Push) -> None:
    asked(ledger)
    ledger.report("EVAL", case.findings)
    out = quota().out
    assert all(word in line_of(out, "account EVAL requests") for word in case.words)
    assert not any(word.strip() in line_of(out, "account EVAL input tokens") for word in ("refused", "headers"))


def test_a_lower_limit_in_the_headers_is_the_rate_of_now(ledger: Ledger, quota: Callable[..., Result]) -> None:
    asked(ledger)
    ledger.report("EVAL", Findings(facts={"requests": Fact(1000, 150, 0, 1)}))
    assert line_of(quota().out, "account EVAL requests").startswith("account EVAL requests 4,000 1,000 0 ")


def test_what_others_take_is_shown_and_taken_off_the_rate(ledger: Ledger, quota: Callable[..., Result]) -> None:
    asked(ledger)
    for remaining in (600, 500, 400):  # of a bucket of 667: more is missing each time
        ledger.report("EVAL", Findings(facts={"requests": Fact(4000, remaining, 0, 1)}))
    (row,) = [row for row in json.loads(quota("--json").out)["limits"] if row["limit_name"] == "account EVAL requests"]
    assert row["others_per_minute"] > 1000
    assert row["ours_per_minute"] == pytest.approx(row["whole_per_minute"] - row["others_per_minute"])
    cells = line_of(quota().out, "account EVAL requests").split()
    assert cells[3] == "4,000"
    assert float(cells[4].replace(",", "")) + float(cells[5].replace(",", "")) == pytest.approx(4000, abs=1)


def test_a_feature_sends_or_waits_or_has_calls_open_or_is_idle(ledger: Ledger, store: Store) -> None:
    one, other = (Tariff("EVAL", EVAL, lane=lane, share=0.5, priority=1) for lane in ("one", "other"))
    for tariff in (one, other, other, other):
        ledger.reserve(f"worker/{tariff.lane}", tariff, [BIG])
    seen = shown_at_once(store)
    assert line_of(seen, "one", "50.0%").endswith("sends")
    assert line_of(seen, "other", "50.0%").endswith("waits for the account")
    store.rows("UPDATE daily_runs.quota_lane SET asked_at = asked_at - interval '2 s', held_back_at = NULL")
    assert line_of(shown_at_once(store), "one", "50.0%").endswith("has calls open")
    store.rows("UPDATE daily_runs.quota_grant SET settled_at = now()")
    assert line_of(shown_at_once(store), "one", "50.0%").endswith("idle")


def test_a_full_user_and_one_spent_by_others_are_told_apart(ledger: Ledger, quota: Callable[..., Result]) -> None:
    assert len(asked(ledger, WINDOW.calls + 1, UNBOUND).grants) == WINDOW.calls + 1
    ledger.user_is_spent(WINDOW, "evaluation-2")
    out = quota().out
    assert line_of(out, "evaluation-1") == "ai_action in staging evaluation-1 160 160 full"
    assert line_of(out, "evaluation-2") == "ai_action in staging evaluation-2 1 160 spent by others"


def test_an_open_breaker_says_until_when_and_why(store: Store, quota: Callable[..., Result]) -> None:
    open_breaker(store)
    line = line_of(quota().out, "gitlab staging")
    assert line.startswith("gitlab staging open until ")
    assert line.endswith(" 0 3 in a row, the last: gitlab_error")
    assert json.loads(quota("--json").out)["breakers"][0]["state"] == "open"


def test_what_was_used_is_summed_with_what_was_measured(ledger: Ledger, quota: Callable[..., Result]) -> None:
    first, second = asked(ledger, 2, UNBOUND).grants
    settled = [Settled(first.grant_id, Usage(5000, 300, 1000)), Settled(second.grant_id, refused=True)]
    ledger.report("EVAL", Findings(settled=settled))
    assert line_of(quota().out, "duo_chat", "4,000").endswith("EVAL duo_chat 1 1 4,000 300 1,000")
    (used,) = json.loads(quota("--json").out)["use"]
    assert (used["calls"], used["refusals"], used["measured_calls"]) == (1, 1, 1)


def test_a_sandboxs_minutes_are_said_to_be_its_own(store: Store, quota: Callable[..., Result]) -> None:
    asked(Ledger(store, 60.0))
    out = quota("--overlay", "sandbox").out
    assert "Limits a minute (of the sandbox: 1 s on the clock)" in out
    assert line_of(out, "account EVAL requests").startswith("account EVAL requests 4,000 4,000")


def test_watching_goes_on_looking_until_ctrl_c(store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []

    def look(*_: object) -> QuotaStatus:
        looks.append(seen := QuotaStatus(1.0, [], [], [], [], [], []))
        if len(looks) == 3:
            raise KeyboardInterrupt
        return seen

    monkeypatch.setattr(command_quota, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(command_quota, "read_quota", look)
    command_quota.show(CATALOGUE, watch=True, console=Console(file=sys.stdout))
    assert len(looks) == 3


def test_a_store_that_is_away_is_bad_input_with_a_remedy(
    quota: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # closed again: nobody listens there
    monkeypatch.setenv(STORE_VARIABLE, f"postgresql://me:secret@127.0.0.1:{port}/daily_runs")
    code, out, err = quota()
    assert (code, out) == (1, ""), "an outage, which may pass"
    assert f"store me@127.0.0.1:{port}/daily_runs: does not answer now" in err
    assert err.endswith("check that it runs, its address and how many connections it allows.\n")
    assert "secret" not in err


def test_a_store_that_was_never_migrated_is_bad_input_with_a_remedy(
    quota: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, empty_url: str
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, empty_url)
    code, _, err = quota()
    assert code == 2
    assert err.endswith("Run: daily-runs store migrate\n")
