"""Other people's use of an account: how much it takes, when, and who sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.errors import ParameterError
from daily_runs.sandbox import server
from daily_runs.sandbox.world import foreign
from daily_runs.sandbox.world.bucket import Bucket
from daily_runs.sandbox.world.foreign import PORTIONS_PER_SECOND, ForeignLoad, moments
from daily_runs.sandbox.world.world import World

MakeWorld = Callable[..., World]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_the_moments_do_not_depend_on_who_looks_when(looks: list[float]) -> None:
    edges = [0.0, *sorted(looks), 100.0]
    in_pieces = [at for since, until in pairwise(edges) for at in moments("seed", since, until)]
    assert in_pieces == list(moments("seed", 0.0, 100.0))


def test_moments_come_at_random_as_often_as_is_said() -> None:
    found = list(moments("seed", 0.0, 1000.0))
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1 / PORTIONS_PER_SECOND, rel=0.03)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert spread == pytest.approx(mean, rel=0.05), "as wide as the mean: exponential"


def test_who_empties_the_bucket_all_the_time_is_left_the_rest_of_the_rate() -> None:
    bucket, load = Bucket(600, 10, 0.0), ForeignLoad("seed", 0.0)
    served = 0
    for tick in range(1, 60_000):
        now = tick / 1000
        load.take(0.4, (bucket,), now)
        served += bucket.take(1, now)
    assert served == pytest.approx(10 + 360, rel=0.05)


def test_others_never_take_what_is_not_there() -> None:
    bucket, load = Bucket(600, 10, 0.0), ForeignLoad("seed", 0.0)
    bucket.take(10, 0.0)
    for tick in range(1, 10_000):
        load.take(1.0, (bucket,), tick / 1000)
        assert bucket.available(tick / 1000) >= 0


def test_after_a_long_pause_only_its_end_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[float] = []

    def one(_: str, since: float, until: float) -> list[float]:
        played.append(until - since)
        return []

    monkeypatch.setattr(foreign, "moments", one)
    ForeignLoad("seed", 0.0).take(0.5, (Bucket(600, 10, 0.0),), 1_000_000.0)
    assert played == [600.0]


def test_a_client_sees_others_use_in_what_remains(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    world = make_world(
        time_scale=20
    )  # what is due after a pause of 600 domain seconds is forgotten: 30 s of the machine
    headers = {"x-api-key": "sandbox-PROD", "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=serve(world), headers=headers) as client:

        def remaining() -> int:
            return int(client.get("/anthropic/v1/models").headers["anthropic-ratelimit-requests-remaining"])

        full = remaining()
        client.post("/_sandbox/scenario", json={"foreign_load": {"PROD": 1.0}})
        world.account("PROD").requests.take(500, world.clock.now())
        time.sleep(0.75)  # 15 domain seconds; 10 fill the bucket
        assert remaining() < full - 100, "with all of the rate used by others, nothing flows back"
        client.post("/_sandbox/scenario", json={"foreign_load": None})
        before = world.account("EVAL").requests.available(world.clock.now())
        assert int(before) == full, "the other account is nobody's business"


def test_others_cannot_use_an_account_that_does_not_exist(
    make_world: MakeWorld, serve: Callable[[World], str], tmp_path: Path
) -> None:
    with httpx.Client(base_url=serve(make_world())) as client:
        answer = client.post("/_sandbox/scenario", json={"foreign_load": {"PORD": 0.4}})
        assert (answer.status_code, answer.json()) == (422, {"errors": ["foreign_load: no such account 'PORD'"]})
        assert client.get("/_sandbox/scenario").json()["foreign_load"] == {}
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"foreign_load": {"PORD": 0.4}}))
    with pytest.raises(ParameterError, match="no such account 'PORD'"):
        server.run(port=0, scenario=file)
