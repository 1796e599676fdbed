"""The sandbox with one Anthropic account of the bench's own figures: `python -m tests.bench.account_server FIGURES`.

It speaks as `python -m daily_runs.sandbox` does, but has no GitLab, no data sets and no shipped catalogue, so it starts
at once and nothing in it depends on what the catalogue says today.
"""

from __future__ import annotations

import argparse

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.sandbox.server import build_world, listen, serve
from tests.bench.cases import ACCOUNT, MODEL, Figures

_JUDGE = JudgeSettings(
    account=ACCOUNT,
    connection="daily_runs_bench",
    address="http://127.0.0.1",
    provenance="sandbox",
    model=MODEL,
    max_output_tokens=1024,
    input_tokens_per_verdict=100,
    output_tokens_per_verdict=25,
    in_flight_max=1,
    request_timeout_seconds=60,
)


def account_of(figures: Figures) -> Account:
    """The account as the catalogue knows accounts."""
    return Account(
        shared_with_live_users=False,
        requests_per_minute=figures.requests_per_minute,
        input_tokens_per_minute=figures.input_tokens_per_minute,
        output_tokens_per_minute=figures.output_tokens_per_minute,
        burst_seconds=figures.burst_seconds,
        slot_tokens_per_minute=figures.input_tokens_per_minute,
        verified=True,
    )


def catalogue_of(figures: Figures) -> Catalogue:
    """One account and its model: Anthropic knows nothing of features and environments."""
    return Catalogue.model_construct(
        accounts={ACCOUNT: account_of(figures)}, judge=_JUDGE, environments={}, features={}
    )


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("figures", help="JSON, see Figures")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--stop-on-stdin-eof", action="store_true")
    given = parser.parse_args()
    catalogue = catalogue_of(Figures.from_json(given.figures))
    listening = listen("127.0.0.1", given.port)
    serve(build_world(catalogue, {}, time_scale=given.time_scale), listening, given.stop_on_stdin_eof)


if __name__ == "__main__":
    main()
