"""A run that is labelled live stops at the sandbox's first answer, and nothing of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.conftest import Kit

from daily_runs.connections import Connection
from daily_runs.errors import AccessError
from daily_runs.stages.work import Work

LIVE = {"provenance": "live"}
SAID = "answers with the header x-daily-runs-sandbox, and its provenance in the catalogue is live"


def anywhere(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
    """A connection as if the sandbox listened where nobody expects it: on another machine."""
    return Connection(default_address, {user: f"sandbox-{user}" for user in users})


def work_on(kit: Kit, patch: dict[str, Any], feature: str = "duo_chat") -> Work:
    return kit.changed(patch).work(feature, connect=anywhere)


@pytest.mark.parametrize("stage", ["seed_check", "limit_probe"])
def test_a_live_environment_that_is_the_sandbox_stops_each_stage_that_asks_it(kit: Kit, stage: str) -> None:
    work = work_on(kit, {"environments": {"staging": LIVE}})
    with pytest.raises(AccessError, match=SAID):
        kit.run(work, stage)
    assert {row["status"] for row in kit.answers(work)} <= {"planned", "sent"}


def test_not_one_sandbox_answer_is_stored_as_live_though_many_are_asked_at_once(kit: Kit) -> None:
    work = work_on(kit, {"environments": {"staging": LIVE}}, "code_suggestions")
    with pytest.raises(AccessError, match=SAID):
        kit.run(work, "inference")
    assert [row for row in kit.answers(work) if row["answer"] is not None] == []


def test_a_live_judge_that_is_the_sandbox_stops_judging_before_a_verdict_is_stored(kit: Kit) -> None:
    work = work_on(kit, {"judge": LIVE})
    kit.run(work, "seed_check", "inference")
    with pytest.raises(AccessError, match=SAID):
        kit.run(work, "judging")
    assert kit.count("daily_runs.verdict") == 0
    assert kit.store.rows("SELECT * FROM daily_runs.judgement WHERE status <> 'sent'") == []


def test_a_refusal_by_the_sandbox_stops_a_live_judge_too(kit: Kit) -> None:
    work = work_on(kit, {"judge": LIVE})
    kit.run(work, "seed_check", "inference")
    kit.sandbox.change(server_error_share=1.0)
    with pytest.raises(AccessError, match=SAID):
        kit.run(work, "judging")


def test_the_sandbox_is_welcome_where_the_catalogue_says_sandbox(kit: Kit) -> None:
    work = kit.work(connect=anywhere)
    kit.run(work, "seed_check", "limit_probe", "inference", "judging")
    assert kit.count("daily_runs.verdict") > 0
