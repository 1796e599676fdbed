"""What came of a run that the sandbox served: counts, scores, gate, quota against its bound, seconds, promises kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import httpx
from rich.table import Table

from daily_runs.catalogue.rates import budget
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import DailyRunsError
from daily_runs.local import demo_rows
from daily_runs.local.stack import Stack
from daily_runs.records import answers, attempts, gate
from daily_runs.records.run import Attempt
from daily_runs.results import published
from daily_runs.statuses import AnswerStatus
from daily_runs.store.database import Store
from daily_runs.store.embedded import state_root
from daily_runs.store.pool import Row

WHERE_TO_LOOK = (
    "look      daily-runs up: the same Airflow with this run in it, its form and its logs",
    "          docs/data_contract.md: the published rows and how to read them",
)


@dataclass(frozen=True)
class DemoQuota:
    """Rate and tokens as the sandbox's own ledger counted them, beside what was allowed (domain time)."""

    binding_limit: str
    allowed_prompts_per_minute: float
    sent_prompts_per_minute: float
    bound_minutes: float
    sending_minutes: float
    account: str
    peak_input_per_minute: int
    account_input_per_minute: int
    rate_refusals: int
    paid_more_than_once: int
    evaluation_users: int


@dataclass(frozen=True)
class DemoOutcome:
    """Everything the demo shows. `promises` are sentences about the run, each of which must hold."""

    airflow: str
    dag_run: str
    state: str
    attempt_id: str
    published: Row | None
    stages: list[Row]
    gate: list[Row]
    failures: dict[str, int]
    quota: DemoQuota
    promises: dict[str, bool]
    score_histogram: list[int]

    @property
    def holds(self) -> bool:
        """Whether every promise holds."""
        return all(self.promises.values())

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {**asdict(self), "holds": self.holds}

    def render(self) -> list[Table | str]:
        """For people."""
        return [self._stages(), *self._scores(), *self._quota(), *self._promises(), *WHERE_TO_LOOK]

    def _stages(self) -> Table:
        table = Table(title=f"{self.dag_run}: {self.state}", title_justify="left")
        for column in ("stage", "tasks", "asked", "answered", "failed", "missing", "seconds"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        for row in self.stages:
            counts = (row["tasks"], row["asked"], row["answered"], row["failed"], row["missing"])
            table.add_row(row["stage"], *map(str, counts), f"{row['longest_seconds']:.1f}")
        return table

    def _scores(self) -> list[str]:
        passed = sum(row["passed"] for row in self.gate)
        lines = [f"gate      {passed} of {len(self.gate)} expectations passed"]
        lines += [f"          {c['expectation']}: {c['observed']}" for c in self.gate if not c["passed"]]
        if p := self.published:
            most = max(self.score_histogram) or 1
            bars = "".join(" ▁▂▃▄▅▆▇█"[-(-count * 8 // most)] for count in self.score_histogram)
            lines.append(
                f"scores    mean {p['mean_score']:.3f} (95 % between {p['mean_score_low']:.3f} and"
                f" {p['mean_score_high']:.3f}), spread {p['score_std']:.3f}   0 [{bars}] 1"
            )
            lines.append(f"          every row is labelled: {p['provenance']}")
        return lines

    def _quota(self) -> list[str]:
        q = self.quota
        share = q.peak_input_per_minute / q.account_input_per_minute
        rate = (
            f"rate      {q.sent_prompts_per_minute:.1f} of {q.allowed_prompts_per_minute:g} prompts/min"
            f" ({q.binding_limit} binds): {q.sending_minutes:.1f} min of sending, bound {q.bound_minutes:.1f} min,"
            f" {q.evaluation_users} evaluation users"
        )
        account = (
            f"account   {q.account}: at most {q.peak_input_per_minute:,} input tokens in any minute,"
            f" {share:.0%} of {q.account_input_per_minute:,} (as the sandbox counted)"
        )
        return [rate, account]

    def _promises(self) -> list[str]:
        return [f"{'yes' if kept else 'NO ':<9} {promise}" for promise, kept in self.promises.items()]


def gather(stack: Stack, store: Store, feature: str, run_id: str, state: str) -> DemoOutcome:
    """Collect what a feature's finished DAG run left in the store and in the sandbox's ledger.

    Raises:
        DailyRunsError: the DAG run ended before it opened an attempt, so nothing was asked.
    """
    attempt = _attempt(store, feature, run_id, state)
    counts = answers.counts(store, attempt.attempt_id)
    row = published.of_run(store, str(attempt.key))
    summary = httpx.get(f"{stack.sandbox}/_sandbox/ledger/summary", timeout=30).json()
    quota = _quota(stack, store, attempt, summary)
    checks = gate.results(store, attempt.attempt_id)
    answered, failed = counts.get(AnswerStatus.ANSWERED, 0), counts.get(AnswerStatus.FAILED, 0)
    judged = (row["scored"] + row["unscored"]) if row else 0
    rows = demo_rows.published_results(store, str(attempt.key))
    promises = {
        "the DAG run succeeded": state == "success",
        f"asked {attempt.asked} = answered {answered} + failed {failed}": attempt.asked == answered + failed,
        f"published rows {rows} = answered and judged {judged}": rows == judged == answered and judged > 0,
        "the gate passed": bool(checks) and all(check["passed"] for check in checks),
        f"{quota.rate_refusals} refusals for rate": quota.rate_refusals == 0,
        f"{quota.paid_more_than_once} prompts paid more than once": quota.paid_more_than_once == 0,
    }
    return DemoOutcome(
        airflow=stack.airflow,
        dag_run=run_id,
        state=state,
        attempt_id=attempt.attempt_id,
        published=row,
        stages=attempts.reports(store, attempt.attempt_id),
        gate=checks,
        failures=answers.failures(store, attempt.attempt_id),
        quota=quota,
        promises=promises,
        score_histogram=published.score_histogram(store, str(attempt.key)),
    )


def _attempt(store: Store, feature: str, run_id: str, state: str) -> Attempt:
    opened = demo_rows.attempts_of(store, feature, run_id)
    if not opened:
        raise DailyRunsError(
            f"the DAG run {run_id} is {state} and asked nothing; see its tasks' logs in {state_root()}"
        )
    return opened[0]


def _quota(stack: Stack, store: Store, attempt: Attempt, summary: dict[str, Any]) -> DemoQuota:
    catalogue = catalogue_files.load(overlay=stack.overlay)
    feature, environment = catalogue.features[attempt.key.feature], catalogue.environments[attempt.key.environment]
    binding = budget(catalogue, feature, attempt.key.environment).binding
    account = feature.account_in(attempt.key.environment, environment)
    sends = demo_rows.sends(store, attempt.attempt_id)
    minutes = sends.seconds * environment.time_scale / 60
    outcomes = [(name, n) for by_outcome in summary["outcomes"].values() for name, n in by_outcome.items()]
    return DemoQuota(
        binding_limit=binding.limit,
        allowed_prompts_per_minute=binding.prompts_per_minute,
        sent_prompts_per_minute=(attempt.asked - 1) / minutes if minutes else 0.0,
        bound_minutes=(attempt.asked - 1) / binding.prompts_per_minute,
        sending_minutes=minutes,
        account=account,
        peak_input_per_minute=summary["peaks_in_60_seconds"].get(account, {}).get("input_tokens", 0),
        account_input_per_minute=catalogue.accounts[account].input_tokens_per_minute,
        rate_refusals=sum(n for name, n in outcomes if is_rate_refusal(name)),
        paid_more_than_once=len(summary["paid_more_than_once"]),
        evaluation_users=sends.users,
    )


def is_rate_refusal(outcome: str) -> bool:
    """Whether the sandbox's ledger calls a request refused by a limit or by a hop."""
    return "limit" in outcome or outcome in ("cloudflare", "load_balancer", "gitlab")
