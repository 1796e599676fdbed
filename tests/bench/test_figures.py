"""From a ledger and the runners' words to figures, tables and a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from daily_runs.sandbox.anthropic.messages import MessagesRequest, input_tokens_of
from tests.bench import windows
from tests.bench.cases import CASES, MAX_TOKENS, body_of
from tests.bench.environments import RIVALS as REQUIREMENTS
from tests.bench.go import parts_of
from tests.bench.measure import Figures, figures_of
from tests.bench.picture import svg, x_of
from tests.bench.processes import Result
from tests.bench.report import Outcome, Row, from_json, markdown, short
from tests.bench.runners import RIVALS, TITLES
from tests.bench.windows import Send


def entry(key: str, at: float, status: int = 200) -> dict[str, Any]:
    """A line of the sandbox's ledger."""
    return {"operation": "messages", "key": key, "at_seconds": at, "status": status, "paid": status == 200}


def result(*answered: str) -> Result:
    """What a runner says."""
    return Result(list(answered), {}, 0.5, 50.0, 12.0)


LEDGER = [entry("a", 100.5), entry("b", 101, 429), entry("c", 101.5, 529), entry("c", 103), entry("a", 102.5)]


def test_the_makespan_ends_with_the_last_accepted_send() -> None:
    ledger = [*LEDGER, entry("b", 110, 429)]
    assert figures_of(["a", "b", "c"], ledger, [result("a", "c")], 100, 2.5).makespan_seconds == 3


def test_refusals_waste_losses_and_double_payments_are_counted_apart() -> None:
    figures = figures_of(["a", "b", "c"], LEDGER, [result("a"), result("c")], 100, 2.5, store_cpu_seconds=0.5)
    assert (figures.refusals, figures.waste, figures.lost, figures.paid_twice) == (1, 2, 1, 1)
    assert (figures.cpu_ms_per_prompt, figures.peak_rss_mb) == (500, 100)
    assert figures.ratio == pytest.approx(1.2)


def test_a_prompt_that_nobody_asked_is_an_error_of_the_bench() -> None:
    with pytest.raises(ValueError, match="1 of them unknown"):
        figures_of(["a"], [*LEDGER[:1], entry("x", 101)], [result("a")], 100, 1)


def test_a_bench_on_which_nothing_was_paid_has_no_figures() -> None:
    with pytest.raises(ValueError, match="0 keys paid"):
        figures_of(["a"], [entry("a", 101, 429)], [result()], 100, 1)


def figures(ratio: float = 1.01, lost: int = 0) -> Figures:
    """Some figures."""
    return Figures(300, 29 * ratio, 29.0, 31.0, 2, 2, lost, 0, 3.0, 1.0, 80.0)


OUTCOME = Outcome(
    [
        Row("known_limit", "known limit", "ours", figures()),
        Row("known_limit", "known limit", "sdk", figures(0.9, lost=51)),
        Row("known_limit", "known limit", "inspect", None, "not installed: no network"),
    ],
    {"ledger_alone": {"grants_per_second": 11281.4}},
    60.0,
)


def test_a_runner_that_lost_prompts_gets_no_credit_for_being_done_early() -> None:
    assert short(OUTCOME.rows[1]) == "51 of 300 lost, 2 refused"
    assert "0.9" not in svg(OUTCOME)


def test_the_table_says_who_could_not_be_installed() -> None:
    assert "| known limit | 1.010, 2 refused | not installed: no network | 51 of 300 lost, 2 refused |" in markdown(
        OUTCOME
    )


def test_figures_survive_being_written_and_read() -> None:
    assert from_json(OUTCOME.to_json()) == OUTCOME


def test_the_picture_is_an_image_with_every_runner_that_has_figures() -> None:
    texts = " ".join(element.text or "" for element in ET.fromstring(svg(OUTCOME)).iter())
    assert TITLES["ours"] in texts
    assert TITLES["sdk"] in texts
    assert TITLES["inspect"] not in texts


def test_the_axis_is_logarithmic_in_what_exceeds_the_floor() -> None:
    assert x_of(1.1) - x_of(1.01) == pytest.approx(x_of(1.01) - x_of(1.001))
    assert x_of(0.999) == x_of(1.001), "nobody is drawn faster than the floor"


SENDS = [Send(number / 10, number % 2, str(number), paid=True, refused=False) for number in range(100)]


def test_a_rate_is_reached_where_a_span_has_nine_tenths_of_it() -> None:
    late = [send for send in SENDS if send.shard == 0 or send.at >= 4]
    assert windows.seconds_until_rate(SENDS, 1, 1.0, 5) == 0
    assert windows.seconds_until_rate(late, 1, 1.0, 5) == pytest.approx(2.2, abs=0.95)
    with pytest.raises(ValueError, match="empty"):
        windows.seconds_until_rate(SENDS, 1, 1.0, 50)


def test_sends_are_counted_by_whose_they_are_and_when() -> None:
    assert windows.count(SENDS, 0, 1.0, 3.0) == 10
    assert windows.first_after(SENDS, 1, 1.0) == 1.1
    assert windows.last_before(SENDS, 5.0) == 4.9
    assert windows.paid_twice([*SENDS, SENDS[0]]) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cases_prompts_are_as_large_as_it_says_and_the_sandbox_counts_the_same(case: Any) -> None:
    prompts = case.make_prompts()
    assert len({prompt.key for prompt in prompts}) == case.prompts
    assert sum(p.input_tokens for p in prompts) / len(prompts) == pytest.approx(case.input_tokens, rel=0.07)
    assert sum(p.output_tokens for p in prompts) / len(prompts) == pytest.approx(case.output_tokens, rel=0.07)
    assert max(p.output_tokens for p in prompts) < MAX_TOKENS
    first = MessagesRequest.model_validate(body_of(prompts[0].system, prompts[0].text))
    assert input_tokens_of(first) == prompts[0].input_tokens
    assert case.make_prompts() == prompts, "the same for every runner"


def test_processes_share_the_prompts_evenly_and_none_is_left_out() -> None:
    prompts = CASES[0].make_prompts()
    parts = parts_of(prompts, 8)
    assert sorted(prompt for part in parts for prompt in part) == sorted(prompts)
    assert {len(part) for part in parts} <= {37, 38}


@pytest.mark.parametrize("rival", RIVALS.values(), ids=lambda rival: rival.title)
def test_every_package_of_a_rival_is_pinned_with_hashes(rival: Any) -> None:
    text = Path(REQUIREMENTS / f"{rival.requirements}.txt").read_text()
    packages = [block for block in text.split("\n") if block and block[0] not in " #"]
    assert len(packages) > 10
    assert all("==" in line and line.endswith("\\") for line in packages)
    assert text.count("--hash=sha256:") >= len(packages)
