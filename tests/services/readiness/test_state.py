"""One look serves all, only one process looks, and "could not look" is never "not ready"."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, Kit, changed

from daily_runs import connections, dataset
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.connections import Connect
from daily_runs.errors import AccessError, ParameterError
from daily_runs.gitlab import looking
from daily_runs.gitlab.client import GitLab
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.tariff import ai_action_window
from daily_runs.readiness import check, check_rows, waiting
from daily_runs.readiness.check_rows import AspectVerdict
from daily_runs.readiness.limits.finding_rows import latest_limits, save_limits
from daily_runs.readiness.limits.findings import AI_ACTION, LimitFinding
from daily_runs.readiness.seeds import verify
from daily_runs.readiness.seeds.find import SeedsSeen
from daily_runs.readiness.state import LOOKED_AT, Readiness, of_feature
from daily_runs.statuses import LimitSource, ReadinessAspect, ReadinessState
from daily_runs.store import database
from daily_runs.store.embedded import free_port
from daily_runs.store.pool import Connection

FIND = cast(Connect, connections.find)
READY, NOT_READY, UNKNOWN = ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.UNKNOWN


@pytest.fixture
def quick(kit: Kit) -> Kit:
    """Without the feature whose hundred logs a first look reads."""
    return kit.changed({"features": {"root_cause_analysis": None}})


def look(kit: Kit, *, older_than_seconds: float = 3600, environment: str = "staging") -> bool:
    """Look as the command line does."""
    return check.refresh(kit.store, kit.catalogue, environment, FIND, older_than_seconds=older_than_seconds)


def found(kit: Kit, feature: str = "duo_chat", moment: dt.datetime = DAY) -> Readiness:
    """What the newest look at staging says of a feature."""
    return of_feature(kit.store, kit.catalogue, feature, "staging", moment)


def aspect(of: Readiness, name: ReadinessAspect) -> AspectVerdict:
    """One of its aspects."""
    (one,) = [verdict for verdict in of.verdicts if verdict.aspect is name]
    return one


def looks(kit: Kit) -> list[dict[str, Any]]:
    """Every look that was begun."""
    return kit.store.rows("SELECT * FROM daily_runs.look ORDER BY look_id")


def test_one_look_tells_seeds_and_limits_of_every_feature_that_goes_there(kit: Kit) -> None:
    assert look(kit)
    for name in kit.catalogue.features:
        assert found(kit, name).state is READY, found(kit, name).reason
    told = kit.store.rows("SELECT feature, aspect FROM daily_runs.latest_readiness WHERE environment = 'staging'")
    assert {(row["feature"], row["aspect"]) for row in told} == {
        (name, what) for name in kit.catalogue.features for what in LOOKED_AT
    }


def test_a_look_is_free_and_counts_each_request_that_it_sends(quick: Kit) -> None:
    assert look(quick)
    sent = quick.sandbox.entries()
    assert [entry for entry in sent if entry["paid"] or entry["operation"] == "aiAction"] == []
    assert [one["calls"] for one in looks(quick)] == [len(sent)]
    assert len(sent) > len(quick.catalogue.features)


def test_calls_that_a_run_used_up_lately_do_not_make_staging_unready(quick: Kit) -> None:
    staging = {"limits": {"ai_action_calls_per_window": 3}}
    kit = quick.changed({"environments": {"staging": staging}, "features": {"duo_chat": {"prompts_per_run": 16}}})
    work = kit.work("duo_chat", 16)
    kit.run(work, "seed_check", "inference")
    window = ai_action_window(work.feature, "staging", work.environment)
    assert window is not None
    assert Ledger(kit.store, work.environment.time_scale).room(window, work.environment.evaluation_users) == 2
    look(kit)
    assert found(kit).state is READY, found(kit).reason
    (shown,) = [row for row in latest_limits(kit.store, "staging", "duo_chat") if row["limit_name"] == AI_ACTION]
    assert (shown["allowed"], shown["verdict"]) == (2, "too_low"), "what is shown counts them, as the limit probe does"


def test_a_second_look_reads_no_log_again(kit: Kit) -> None:
    look(kit)
    look(kit, older_than_seconds=0)
    first, second = looks(kit)
    assert first["calls"] > 100
    assert 0 < second["calls"] < 20


def test_a_feature_that_never_goes_there_is_not_looked_at(kit: Kit) -> None:
    assert "vulnerability_explanation" not in [f.feature for f in check.features_of(kit.catalogue, "production")]
    assert {f.feature for f in check.features_of(kit.catalogue, "staging")} == set(kit.catalogue.features)


def test_a_look_that_is_young_enough_serves_the_next_one_who_asks(quick: Kit) -> None:
    assert look(quick)
    assert not look(quick)
    assert look(quick, older_than_seconds=0)
    assert len(looks(quick)) == 2


def test_of_ten_who_look_at_once_one_does_and_all_have_its_outcome(quick: Kit) -> None:
    with ThreadPoolExecutor(10) as threads:
        looked = list(threads.map(lambda _: (look(quick), found(quick).state), range(10)))
    assert sorted(took for took, _ in looked) == [False] * 9 + [True]
    assert {state for _, state in looked} == {READY}
    assert len(looks(quick)) == 1


LOOKER = """
import sys, time
from daily_runs.readiness import check_rows
from daily_runs.store.database import open_store
with open_store(sys.argv[1]) as store, check_rows.sole_checker(store, "staging", 0) as mine:
    check_rows.begin(store, "staging")
    print(mine, flush=True)
    time.sleep(600)
"""


def test_one_who_dies_while_looking_is_in_nobodys_way(quick: Kit) -> None:
    with subprocess.Popen([sys.executable, "-c", LOOKER, quick.store.url], stdout=subprocess.PIPE, text=True) as looker:
        try:
            assert looker.stdout is not None
            assert looker.stdout.readline() == "True\n"
            with check_rows.sole_checker(quick.store, "staging", 0) as mine:
                assert not mine
            with check_rows.sole_checker(quick.store, "production", 0) as mine:
                assert mine
        finally:
            os.kill(looker.pid, signal.SIGKILL)
    assert look(quick)
    assert [one["ended_at"] is not None for one in looks(quick)] == [False, True]
    assert found(quick).state is READY


def test_missing_seeds_are_in_the_way_with_their_share_and_their_owner(quick: Kit) -> None:
    quick.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    look(quick)
    chat = found(quick)
    seeds = aspect(chat, ReadinessAspect.SEEDS)
    assert (chat.state, seeds.state, aspect(chat, ReadinessAspect.LIMITS).state) == (NOT_READY, NOT_READY, READY)
    items = dataset.load_feature_dataset(quick.catalogue.features["duo_chat"])
    assert f"% of {len(items)} seeds bound, 95% required" in chat.reason
    assert "owner: Duo Chat feature team" in chat.reason
    assert "limits" not in chat.reason  # what is ready is in nobody's way
    assert found(quick, "code_suggestions").state is READY


def test_a_limit_that_is_too_low_is_in_the_way_with_its_remedy_and_owner(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"evaluation_users": ["evaluation-1"]}}})
    look(kit)
    limits = aspect(found(kit, "root_cause_analysis"), ReadinessAspect.LIMITS)
    assert (limits.state, limits.owner) == (NOT_READY, "infrastructure")
    assert "900 calls need 6 evaluation users" in limits.reason
    assert limits.details["binding"] == "ai_action"
    assert found(kit, "duo_chat").state is READY


def test_a_path_that_does_not_answer_is_unknown_with_hop_and_kind_never_not_ready(quick: Kit) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    quick = quick.changed({"environments": {"staging": {"address": gone}}})
    assert look(quick)
    for name in quick.catalogue.features:
        one = found(quick, name)
        assert (one.state, aspect(one, ReadinessAspect.SEEDS).state) == (UNKNOWN, UNKNOWN)
    (stored,) = looks(quick)
    assert stored["ended_at"] is not None
    assert f"could not look at {gone}: connect at unknown (ConnectError" in stored["error"]
    assert stored["error"] in found(quick).reason
    assert not look(quick), "a look that could see nothing is a look, too: nobody hammers a path that is down"


def test_a_login_that_is_missing_is_unknown_and_says_where_it_is_missing(quick: Kit) -> None:
    quick = quick.changed(
        {"environments": {name: {"provenance": "live", "time_scale": 1} for name in quick.catalogue.environments}}
    )
    assert look(quick)
    assert found(quick).state is UNKNOWN
    assert "DAILY_RUNS_GITLAB_STAGING: is not set" in found(quick).reason


def test_seeds_of_one_feature_that_cannot_be_looked_at_leave_the_others_known(quick: Kit) -> None:
    quick = quick.changed({"features": {"duo_chat": {"dataset": "datasets/none.jsonl"}}})
    assert look(quick)
    assert aspect(found(quick), ReadinessAspect.SEEDS).state is UNKNOWN
    assert aspect(found(quick), ReadinessAspect.LIMITS).state is READY
    assert found(quick, "vulnerability_explanation").state is READY


def test_a_broken_data_set_keeps_nobody_from_looking_at_the_seeds_of_another_one_of_its_kind(quick: Kit) -> None:
    quick = quick.changed({"features": {"vulnerability_explanation": {"dataset": "none.jsonl"}}})
    assert look(quick)
    assert aspect(found(quick, "vulnerability_explanation"), ReadinessAspect.SEEDS).state is UNKNOWN
    assert aspect(found(quick, "vulnerability_resolution"), ReadinessAspect.SEEDS).state is READY


def turned_back(kit: Kit, seconds: float) -> None:
    """Make every look older."""
    older = "UPDATE daily_runs.look SET begun_at = begun_at - %(by)s, ended_at = ended_at - %(by)s"
    kit.store.rows(older, {"by": dt.timedelta(seconds=seconds)})


def test_a_look_of_days_ago_says_nothing_when_whoever_looks_now_hangs(
    quick: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(quick)
    turned_back(quick, 3 * 86_400)
    monkeypatch.setattr(check, "wall_seconds_max", lambda _environment: 0.5)
    with check_rows.sole_checker(quick.store, "staging", 0) as mine:
        assert mine
        assert not look(quick)
        chat = found(quick)
    states = {verdict.aspect: verdict.state for verdict in chat.verdicts}
    assert states.pop(ReadinessAspect.APPROVAL) is READY
    assert set(states.values()) == {UNKNOWN}
    assert "the newest look is 72.0 h old" in chat.reason


def test_a_look_counts_as_long_as_the_next_one_may_take_to_come(quick: Kit) -> None:
    look(quick)
    oldest = waiting.check_age_max(quick.catalogue, "staging")
    turned_back(quick, oldest - 30)
    assert found(quick).state is READY
    turned_back(quick, 31)
    assert found(quick).state is UNKNOWN


@given(st.floats(0.1, 1e4), st.floats(1, 600), st.integers(1, 100), st.none() | st.floats(0, 1e6))
def test_no_pause_between_looks_is_as_long_as_a_look_counts(
    minutes: float, scale: float, checks: int, age: float | None
) -> None:
    shipped = catalogue_files.load(overlay="sandbox")
    staging = {"time_scale": scale, "readiness": {"look_every_minutes": minutes}}
    catalogue = changed(shipped, {"environments": {"staging": staging}})
    pause = waiting.pause(checks, waiting.check_every(catalogue, "staging"), age, 1e9)
    assert pause < waiting.check_age_max(catalogue, "staging")


def test_the_lock_of_a_machine_that_vanished_ends_soon(quick: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Connection] = []

    def connect_and_show(url: str) -> Connection:
        opened.append(database.connect(url))
        return opened[0]

    monkeypatch.setattr(check_rows, "connect", connect_and_show)
    kept: dict[str, Any] = {}
    with check_rows.sole_checker(quick.store, "staging", 0):
        for setting in (b"idle", b"interval", b"count"):
            kept |= opened[0].execute(b"SHOW tcp_keepalives_" + setting).fetchone() or {}
    assert kept == {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


def test_a_failure_of_a_moment_is_looked_at_again_before_the_interval_is_over(quick: Kit) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise AccessError("connection x", "is gone for ten seconds", "Wait.")

    assert check.refresh(quick.store, quick.catalogue, "staging", cast(Connect, broken), older_than_seconds=900)
    assert found(quick).state is UNKNOWN
    assert not look(quick)
    turned_back(quick, waiting.FAILED_CHECK_SECONDS)
    assert look(quick)
    assert found(quick).state is READY
    turned_back(quick, waiting.FAILED_CHECK_SECONDS)
    assert not look(quick), "one that could look is young for the whole interval"


def test_one_slow_feature_leaves_known_what_was_seen_before_it(quick: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    features = [feature.feature for feature in check.features_of(quick.catalogue, "staging")]
    slow = features[-1]
    seen_in_time = verify.verify_seeds

    async def look_at(gitlab: GitLab, catalogue: Catalogue, name: str, feature: Feature, *more: Any) -> SeedsSeen:
        if feature.feature == slow:
            await asyncio.Event().wait()
        return await seen_in_time(gitlab, catalogue, name, feature, *more)

    monkeypatch.setattr(verify, "verify_seeds", look_at)
    monkeypatch.setattr(check, "wall_seconds_max", lambda _environment: 5.0)
    assert look(quick)
    assert {name: found(quick, name).state for name in features} == {**dict.fromkeys(features, READY), slow: UNKNOWN}
    assert "not done after 5 s" in found(quick, slow).reason
    (stored,) = looks(quick)
    assert "not done after 5 s" in stored["error"]


def refusing(response: Callable[[], httpx.Response]) -> Callable[..., AbstractAsyncContextManager[GitLab]]:
    """In place of `gitlab_client`: a path that answers every request so."""

    @asynccontextmanager
    async def client(
        environment: Environment, connection: connections.Connection, sent: Callable[[], None]
    ) -> AsyncIterator[GitLab]:
        def answer(_: httpx.Request) -> httpx.Response:
            sent()
            return response()

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            yield GitLab(http, connection.address, connection.keys, environment.limits.graphql)

    return client


def test_a_hop_that_refuses_steadily_for_rate_is_named(quick: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = refusing(lambda: httpx.Response(429, headers={"cf-ray": "1"}, text="error code: 1015"))
    monkeypatch.setattr(check, "gitlab_client", refusal)
    monkeypatch.setattr(looking, "BUDGET_WALL_SECONDS_MIN", 0.0)
    assert look(quick)
    chat = found(quick)
    assert "cloudflare_rate_limit at cloudflare" in chat.reason
    assert "not done" not in chat.reason
    assert {aspect(chat, name).owner for name in LOOKED_AT} == {"infrastructure"}
    assert 1 < looks(quick)[0]["calls"] < 15


def test_a_look_has_time_for_a_refusal_of_the_path_and_of_each_feature(quick: Kit) -> None:
    refusals = 1 + len(quick.catalogue.features)
    assert refusals * looking.BUDGET_SECONDS < check.CHECK_SECONDS_MAX
    assert refusals * looking.BUDGET_WALL_SECONDS_MIN < check.CHECK_WALL_SECONDS_MIN


def test_a_store_of_real_runs_is_not_looked_for_in_the_sandbox(quick: Kit) -> None:
    quick.store.rows("INSERT INTO daily_runs.store_provenance (provenance) VALUES ('live')")
    with pytest.raises(AccessError, match="holds live rows, and the environment is sandbox"):
        look(quick)
    assert (looks(quick), quick.sandbox.entries()) == ([], [])


@pytest.mark.parametrize("odd", ["17\0", "17\ud800"])
def test_evidence_that_a_text_column_cannot_hold_is_stored_without_it(quick: Kit, odd: str) -> None:
    limit = LimitFinding("gitlab", "x", 1, None, "nodes", LimitSource.MEASURED, f"version {odd}", "", "infrastructure")
    save_limits(quick.store, "staging", "duo_chat", [limit])
    (row,) = latest_limits(quick.store, "staging")
    assert row["evidence"].startswith("version 17")


def test_before_the_first_look_nothing_is_known_but_the_approval(quick: Kit) -> None:
    states = {verdict.aspect: verdict.state for verdict in found(quick).verdicts}
    assert states == {
        ReadinessAspect.SEEDS: UNKNOWN,
        ReadinessAspect.LIMITS: UNKNOWN,
        ReadinessAspect.APPROVAL: READY,
    }
    assert "nobody has looked yet" in found(quick).reason


def test_a_look_under_way_counts_for_nothing(quick: Kit) -> None:
    look(quick)
    before = found(quick)
    check_rows.begin(quick.store, "staging")
    assert found(quick) == before


def test_only_the_phase_of_the_runs_moment_needs_an_approval(quick: Kit) -> None:
    chat = quick.catalogue.features["duo_chat"].model_dump(mode="json")
    phases = [{**phase, "approved": phase["phase"] != "staging"} for phase in chat["phases"]]
    quick = Kit(quick.store, quick.sandbox, changed(quick.catalogue, {"features": {"duo_chat": {"phases": phases}}}))
    look(quick)
    starts = next(dt.date.fromisoformat(phase["starts"]) for phase in phases if phase["phase"] == "staging")
    cutover = dt.datetime.combine(starts, dt.time(), dt.UTC)
    assert found(quick, moment=cutover - dt.timedelta(seconds=1)).state is READY
    after = found(quick, moment=cutover)
    assert (after.state, aspect(after, ReadinessAspect.SEEDS).state) == (NOT_READY, READY)
    assert "the phase staging" in after.reason
    assert "not approved" in after.reason
    assert "owner: model validation" in after.reason


def test_only_the_aspects_that_were_asked_for_count(quick: Kit) -> None:
    quick.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    look(quick)
    limits = of_feature(quick.store, quick.catalogue, "duo_chat", "staging", DAY, aspects=[ReadinessAspect.LIMITS])
    assert limits.state is READY


def test_a_feature_that_nobody_knows_is_refused(quick: Kit) -> None:
    with pytest.raises(ParameterError, match="no_such_feature"):
        found(quick, "no_such_feature")


def test_a_verdict_is_handed_on_as_plain_data(quick: Kit) -> None:
    look(quick)
    handed = found(quick).as_json()
    assert handed["state"] == "ready"
    assert set(handed["aspects"]) == {"seeds", "limits", "approval"}
    assert all(set(one) == {"state", "reason", "owner"} for one in handed["aspects"].values())
    assert dt.datetime.fromisoformat(handed["looked_at"]) == found(quick).looked_at


def test_looks_are_forgotten_after_a_month_with_what_they_found(quick: Kit) -> None:
    look(quick)
    quick.store.rows("UPDATE daily_runs.look SET begun_at = begun_at - interval '31 days', ended_at = begun_at")
    look(quick)
    assert len(looks(quick)) == 1
    assert quick.count("daily_runs.readiness") == 2 * len(quick.catalogue.features)


verdicts = st.lists(st.sampled_from(ReadinessState), min_size=1, max_size=3)


@given(verdicts)
def test_what_is_known_to_be_in_the_way_outweighs_what_is_unknown(states: list[ReadinessState]) -> None:
    told = tuple(AspectVerdict(ReadinessAspect.SEEDS, state, "r", "o", {}) for state in states)
    state = Readiness("f", "e", told, None).state
    assert (state is READY) == (set(states) == {READY})
    assert (state is NOT_READY) == (NOT_READY in states)


seconds = st.floats(0, 1e6)


@given(st.integers(1, 10_000), st.floats(1, 1e5), st.none() | seconds, seconds)
def test_a_pause_ends_by_the_next_look_or_the_deadline_and_is_never_none(
    checks: int, every: float, age: float | None, left: float
) -> None:
    pause = waiting.pause(checks, every, age, left)
    assert waiting.PAUSE_SECONDS_MIN <= pause <= max(every, waiting.PAUSE_SECONDS_MIN)
    assert pause <= max(left, waiting.PAUSE_SECONDS_MIN)
    if age is not None and age < every:
        assert pause <= max(every - age, waiting.PAUSE_SECONDS_MIN)


def test_checks_come_ever_less_often_up_to_the_interval_of_looks() -> None:
    steps = [waiting.pause(check, 900, 0, 1e6) for check in range(1, 6)]
    assert steps == [300, 450, 675, 900, 900]


@given(st.sampled_from(ReadinessState), st.sampled_from(ReadinessState), st.floats(-1e6, 1e6))
def test_a_wait_ends_ready_at_once_and_otherwise_at_the_deadline_only(
    now: ReadinessState, best: ReadinessState, left: float
) -> None:
    ended = waiting.outcome(now, best, left)
    assert (ended is READY) == (now is READY or (left <= 0 and now is UNKNOWN and best is READY))
    assert (ended is None) == (now is not READY and left > 0)
    if ended is UNKNOWN:
        assert UNKNOWN is now is best


def test_the_catalogues_figures_are_of_the_domain_and_waits_are_of_the_clock(kit: Kit) -> None:
    keys = {"look_every_minutes": 15, "wait_hours_max": 6}
    kit = kit.changed({"environments": {"staging": {"readiness": keys, "time_scale": 60}}})
    assert waiting.check_every(kit.catalogue, "staging") == 15
    assert waiting.wait_max(kit.catalogue, "staging") == dt.timedelta(minutes=6)
