"""What a scenario does to the judge: noise, leniency, drift, refusals. None of it looks at anything but the prompt."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic
from anthropic.types import RefusalStopDetails

from daily_runs.sandbox.anthropic.messages import MessagesRequest, read_request
from daily_runs.sandbox.anthropic.replies import reply_to
from daily_runs.sandbox.world.judging import JudgeState, ScoreError
from daily_runs.sandbox.world.scenario import JudgeDrift, Latency, Scenario
from daily_runs.sandbox.world.world import World

MODEL = "claude-opus-4-8"
QUICK = Latency(median=0.001, p95=0.001)
MARK = "0a1b2c3d"
REFERENCE = "The import failed because the virtual environment was off. Install the dependencies before running pytest."
HALF = "The import failed because the virtual environment was off."
CRITERION = "completeness"
SCHEMA = {"type": "object", "properties": {CRITERION: {"type": "number"}}, "required": [CRITERION]}
"""A score that is not rounded to points."""

MakeWorld = Callable[..., World]
ClientOf = Callable[[World], Anthropic]


def body(answer: str, **more: Any) -> dict[str, Any]:
    blocks = {"reference": REFERENCE, "answer": answer}
    marked = "\n".join(f"<{name}-{MARK}>{text}</{name}-{MARK}>" for name, text in blocks.items())
    user = f"The mark is {MARK}.\n\n{marked}"
    tool = {"name": "record_verdict", "input_schema": SCHEMA}
    asked = {"tools": [tool], "tool_choice": {"type": "tool", "name": "record_verdict"}}
    return {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": user}], **asked, **more}


def score(answer: str = HALF, error: ScoreError | None = None, **scenario: Any) -> float:
    """The score of one verdict; unless an error is given, the one of a fresh judge."""
    faults = Scenario.model_validate(scenario)
    given = error or JudgeState(0.0).error(faults, 0.0)
    reply = reply_to(read_request(MessagesRequest, body(answer)), faults, scorable=True, error=given)
    return float(reply.content[0]["input"][CRITERION])


def asked(client: Anthropic, answer: str = HALF) -> float:
    (block,) = client.messages.create(**body(answer)).content
    return float(block.input[CRITERION])


TRUE_SCORE = score()


def test_the_half_answer_has_room_on_both_sides() -> None:
    """Else a shift or noise would be cut at an end of the scale, and tests below would show less than they say."""
    assert 0.3 < TRUE_SCORE < 0.7


def test_noise_gives_one_answer_other_scores_from_verdict_to_verdict(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    client = client_of(make_world(Scenario(latency_seconds=QUICK, judge_noise=0.1)))
    assert len({asked(client) for _ in range(5)}) == 5


def test_noise_is_the_same_in_the_same_place_of_the_same_sequence(make_world: MakeWorld, client_of: ClientOf) -> None:
    noisy = Scenario(latency_seconds=QUICK, judge_noise=0.1)
    first, second = ([asked(client) for _ in range(3)] for client in (client_of(make_world(noisy)) for _ in range(2)))
    assert first == second
    other = client_of(make_world(noisy.model_copy(update={"rng_seed": 1})))
    assert [asked(other) for _ in range(3)] != first


def test_noise_has_the_deviation_that_the_scenario_says_and_moves_no_mean() -> None:
    drawn = [score(error=ScoreError(noise=0.05, draw=str(number))) - TRUE_SCORE for number in range(400)]
    assert statistics.stdev(drawn) == pytest.approx(0.05, rel=0.15)
    assert abs(statistics.fmean(drawn)) < 4 * 0.05 / 400**0.5


def test_each_criterion_of_a_verdict_has_noise_of_its_own() -> None:
    error = ScoreError(noise=0.1, draw="one verdict")
    assert error.of("faithfulness") != error.of("relevance")
    assert error.of("relevance") == error.of("relevance")


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_a_lenient_judge_adds_to_every_score_and_a_harsh_one_takes_away(shift: float) -> None:
    assert score(judge_shift=shift) == pytest.approx(TRUE_SCORE + shift, abs=1e-3)


def test_no_shift_leads_off_the_scale() -> None:
    assert score(REFERENCE, judge_shift=1.0) == 1.0
    assert score("Ask somebody else.", judge_shift=-1.0) == 0.0


def test_a_drift_by_verdicts_begins_at_nothing_and_grows_with_each(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=QUICK))
    client = client_of(world)
    assert asked(client) == TRUE_SCORE
    drifting = Scenario(latency_seconds=QUICK, judge_drift=JudgeDrift(per_hundred_verdicts=-1.0))
    world.set_scenario(drifting)
    found = [asked(client) for _ in range(4)]
    assert found == pytest.approx([TRUE_SCORE - 0.01 * number for number in range(4)], abs=1e-3)
    world.set_scenario(drifting.model_copy(update={"judge_worse": 0.0, "worse_model": 0.1}))
    assert asked(client) == pytest.approx(TRUE_SCORE - 0.04, abs=1e-3)  # another fault changed: it drifts on
    world.set_scenario(Scenario(latency_seconds=QUICK))
    assert asked(client) == TRUE_SCORE


def test_a_request_that_is_refused_is_no_verdict_and_drifts_nothing(make_world: MakeWorld, client_of: ClientOf) -> None:
    drift = JudgeDrift(per_hundred_verdicts=1.0)
    world = make_world(Scenario(latency_seconds=QUICK, judge_drift=drift, overloaded_share=1.0))
    client = client_of(world)
    for _ in range(3):
        with pytest.raises(Exception, match="overloaded"):
            asked(client)
    world.set_scenario(world.scenario.model_copy(update={"overloaded_share": 0.0}))
    assert asked(client) == TRUE_SCORE


def test_a_drift_by_the_clock_grows_with_the_domains_hours() -> None:
    faults = Scenario(judge_drift=JudgeDrift(per_hour=0.02))
    state = JudgeState(1000.0)
    assert state.error(faults, 1000.0).shift == 0.0
    assert state.error(faults, 1000.0 + 5 * 3600).shift == pytest.approx(0.1)
    state.begin_drift(1000.0 + 5 * 3600)
    assert state.error(faults, 1000.0 + 6 * 3600).shift == pytest.approx(0.02)


def test_a_refusal_is_a_success_that_says_why_and_is_billed(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=QUICK, judge_refusal_share=1.0))
    message = client_of(world).messages.create(**body(HALF))
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert isinstance(message.stop_details, RefusalStopDetails)
    assert (message.stop_details.type, message.stop_details.category) == ("refusal", "general_harms")
    assert message.usage.output_tokens > 0
    assert world.ledger.entries[-1].paid is True


def test_a_refused_text_ends_in_its_middle(make_world: MakeWorld, client_of: ClientOf) -> None:
    """A reader that does not look at the stop reason finds half of an answer, and no JSON."""
    texts = []
    for share in (0.0, 1.0):
        world = make_world(Scenario(latency_seconds=QUICK, judge_refusal_share=share))
        words = body(HALF, tools=[], tool_choice=None, messages=[{"role": "user", "content": "Say this. And that."}])
        texts.append(client_of(world).messages.create(**words).content[0].text)
    assert texts[1] == texts[0][: len(texts[0]) // 2]


def test_an_answer_that_stopped_otherwise_has_no_details(make_world: MakeWorld, client_of: ClientOf) -> None:
    message = client_of(make_world()).messages.create(**body(HALF))
    assert (message.stop_reason, message.stop_details) == ("tool_use", None)


def test_the_same_prompts_are_refused_each_time_and_as_many_as_the_scenario_says() -> None:
    faults = Scenario(judge_refusal_share=0.2)

    def stops() -> list[str]:
        requests = [read_request(MessagesRequest, body(f"{HALF} Case {number}.")) for number in range(300)]
        return [reply_to(request, faults, scorable=True).stop_reason for request in requests]

    first = stops()
    assert stops() == first
    assert 35 <= first.count("refusal") <= 85  # 60 expected, five standard deviations either way are 35
