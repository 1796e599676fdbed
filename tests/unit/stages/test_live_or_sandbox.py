"""A run that is labelled live stops at the sandbox's first answer, and nothing of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.conftest import Bench

from daily_runs.connections import Connection
from daily_runs.errors import AccessError
from daily_runs.stages.work import Work

LIVE = {"provenance": "live"}
SAID = "answers with the header x-daily-runs-sandbox, and its provenance in the catalogue is live"


def anywhere(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
    """A connection as if the sandbox listened where nobody expects it: on another machine."""
    return Connection(default_address, {user: f"sandbox-{user}" for user in users})


def work_on(bench: Bench, patch: dict[str, Any], feature: str = "duo_chat") -> Work:
    return bench.changed(patch).work(feature, connect=anywhere)


@pytest.mark.parametrize("stage", ["seed_check", "limit_probe"])
def test_a_live_environment_that_is_the_sandbox_stops_each_stage_that_asks_it(bench: Bench, stage: str) -> None:
    work = work_on(bench, {"environments": {"staging": LIVE}})
    with pytest.raises(AccessError, match=SAID):
        bench.run(work, stage)
    assert {row["status"] for row in bench.answers(work)} <= {"planned", "sent"}


def test_not_one_sandbox_answer_is_stored_as_live_though_many_are_asked_at_once(bench: Bench) -> None:
    work = work_on(bench, {"environments": {"staging": LIVE}}, "code_suggestions")
    with pytest.raises(AccessError, match=SAID):
        bench.run(work, "inference")
    assert [row for row in bench.answers(work) if row["answer"] is not None] == []


def test_a_live_judge_that_is_the_sandbox_stops_judging_before_a_verdict_is_stored(bench: Bench) -> None:
    work = work_on(bench, {"judge": LIVE})
    bench.run(work, "seed_check", "inference")
    with pytest.raises(AccessError, match=SAID):
        bench.run(work, "judging")
    assert bench.count("daily_runs.verdict") == 0
    assert bench.store.rows("SELECT * FROM daily_runs.judgement WHERE status <> 'sent'") == []


def test_a_refusal_by_the_sandbox_stops_a_live_judge_too(bench: Bench) -> None:
    work = work_on(bench, {"judge": LIVE})
    bench.run(work, "seed_check", "inference")
    bench.sandbox.change(server_error_share=1.0)
    with pytest.raises(AccessError, match=SAID):
        bench.run(work, "judging")


def test_the_sandbox_is_welcome_where_the_catalogue_says_sandbox(bench: Bench) -> None:
    work = bench.work(connect=anywhere)
    bench.run(work, "seed_check", "limit_probe", "inference", "judging")
    assert bench.count("daily_runs.verdict") > 0
