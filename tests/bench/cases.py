"""What is measured: one simulated Anthropic account a case, and the prompts that are to go through it."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from daily_runs.sandbox.anthropic.messages import MessagesRequest, input_tokens_of
from daily_runs.sandbox.anthropic.replies import reply_to
from daily_runs.sandbox.world.scenario import Scenario

ACCOUNT = "EVAL"
MODEL = "claude-sonnet-5-5"
MAX_TOKENS = 1024
_CHARACTERS_PER_TOKEN = 4
_INPUT_SPREAD, _OUTPUT_SPREAD = 0.5, 0.25
_LATENCY = {"median": 1.0, "p95": 1.6}
AMPLE_TOKENS_PER_MINUTE = 60_000_000


@dataclass(frozen=True)
class Figures:
    """An account's limits a minute; a bucket holds `burst_seconds` of its rate, and is full at the go signal."""

    requests_per_minute: int = 600
    input_tokens_per_minute: int = AMPLE_TOKENS_PER_MINUTE
    output_tokens_per_minute: int = AMPLE_TOKENS_PER_MINUTE
    burst_seconds: float = 1.0

    def to_json(self) -> str:
        """For a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From a command line."""
        return cls(**json.loads(text))


class Prompt(NamedTuple):
    """One prompt. The tokens are what the sandbox counts; of the output a client knows the case's mean only."""

    key: str
    system: str
    text: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Case:
    """One row of the result.

    `input_tokens`, `output_tokens`: means of a prompt; sizes vary evenly by ±50 % (input) and ±25 % (output).
    `scenario`: the sandbox's faults from its start on. `halves_after_seconds`: the limits halve so long after the go.
    """

    name: str
    title: str
    figures: Figures = Figures()
    prompts: int = 300
    processes: int = 1
    input_tokens: int = 100
    output_tokens: int = 30
    scenario: dict[str, Any] = field(default_factory=dict)
    halves_after_seconds: float | None = None

    @property
    def foreign_share(self) -> float:
        """Other people's share of the account."""
        return float(self.scenario.get("foreign_load", {}).get(ACCOUNT, 0.0))

    @property
    def full_scenario(self) -> dict[str, Any]:
        """The scenario with the model's latency, which is the same everywhere."""
        return {"latency_seconds": _LATENCY, **self.scenario}

    def make_prompts(self, seed: int = 20_25) -> list[Prompt]:
        """The same prompts for every runner."""
        rng = random.Random(f"{self.name} {seed}")
        return [self._prompt(f"{self.name}#{number}", rng) for number in range(self.prompts)]

    def _prompt(self, key: str, rng: random.Random) -> Prompt:
        output = round(self.output_tokens * rng.uniform(1 - _OUTPUT_SPREAD, 1 + _OUTPUT_SPREAD))
        # The sandbox answers "In short: " and the last turn's first sentences: one long one makes the answer's length.
        text = _words(f"about {key}", output * _CHARACTERS_PER_TOKEN - len("In short: "))
        rest = self.input_tokens * rng.uniform(1 - _INPUT_SPREAD, 1 + _INPUT_SPREAD) - len(text) / _CHARACTERS_PER_TOKEN
        system = _words(f"context of {key}", round(rest * _CHARACTERS_PER_TOKEN))
        request = MessagesRequest.model_validate(body_of(system, text))
        answer = reply_to(request, Scenario(), scorable=True)
        return Prompt(key, system, text, input_tokens_of(request), answer.output_tokens)


def body_of(system: str, text: str) -> dict[str, Any]:
    """The body of `POST /v1/messages`."""
    return {
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "system": system,
        "messages": [{"role": "user", "content": text}],
    }


def _words(start: str, characters: int) -> str:
    """A text of a length, without an end of a sentence."""
    filler = start + " word" * max(0, (characters - len(start)) // len(" word") + 1)
    return filler[: max(len(start), characters)]


_FEW_INPUT = Figures(requests_per_minute=1200, input_tokens_per_minute=2_000_000)
_FEW_OUTPUT = Figures(requests_per_minute=1200, output_tokens_per_minute=240_000)

CASES = (
    Case("known_limit", "known limit"),
    Case("input_binds", "input tokens bind", _FEW_INPUT, input_tokens=4000, output_tokens=60),
    Case("output_binds", "output tokens bind", _FEW_OUTPUT, input_tokens=600, output_tokens=480),
    Case("full_bucket", "full bucket at start", Figures(burst_seconds=20.0)),
    Case("limit_halves", "limit halves midway", halves_after_seconds=15.0),
    Case(
        "errors",
        "5 % answer 529 or 500",
        prompts=900,
        scenario={"overloaded_share": 0.025, "server_error_share": 0.025, "sides": ["anthropic"]},
    ),
    Case("foreign_load", "others use 40 %", scenario={"foreign_load": {ACCOUNT: 0.4}}),
    Case("two_processes", "2 processes", processes=2),
    Case("four_processes", "4 processes", processes=4),
    Case("eight_processes", "8 processes", processes=8),
    Case("fast", "3,000 at 6,000/min", Figures(requests_per_minute=6000), prompts=3000),
)
"""The cases that every runner can be put through; `trials` has those that only ours can."""
