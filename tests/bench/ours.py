"""Ours: pacer, breaker and store in front of plain httpx, as a stage uses them: each prompt's intent is a row before it
is sent, its answer is a row when it arrives, and the one retry layer is `resilience.retry`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import httpx

from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import Answer
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import PacedCall, Pacer
from daily_runs.quota.rate_limit_headers import Usage
from daily_runs.quota.tariff import ExpectedTokens, Tariff
from daily_runs.records.answers import AnswerRows, Sent, unsettled
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import with_retries
from daily_runs.stages.paid_call import paced_call
from daily_runs.store.database import Store, open_store
from daily_runs.store.writer import Writer
from tests.bench.account_server import account_of
from tests.bench.cases import ACCOUNT, Figures, body_of
from tests.bench.clients import clients_for
from tests.bench.rivals.protocol import PROMPT_HEADER, Job, Prompt, Run, read_job

CONNECTIONS = 4
WAITING_MAX = 512
"""Prompts in line or in flight at once in one process, so that memory does not grow with their number."""


def tariff_of(job: Job) -> Tariff:
    """The bench's account for one feature."""
    return Tariff(
        account_name=ACCOUNT,
        account=account_of(Figures.from_json(job.more["figures"])).model_copy(update={"lends_idle_share": True}),
        lane=job.more.get("lane", "bench"),
        share=job.more.get("share", 1.0),
        priority=1,
    )


class Worker:
    """What one prompt goes through."""

    def __init__(
        self, job: Job, store: Store, breaker: Breaker, pacer: Pacer, clients: Iterator[httpx.AsyncClient], run: Run
    ) -> None:
        self._breaker, self._pacer, self._clients, self._run = breaker, pacer, clients, run
        self._rows = rows = AnswerRows(store, job.more["attempt_id"])
        self._sent, self._answered = Writer(rows.sent_all), Writer(rows.answered_all, 0.05)
        self._clock, self._rng = Clock(), random.Random()

    async def work(self, prompts: Iterator[Prompt]) -> None:
        """The next prompt until there is none."""
        for prompt in prompts:
            try:
                answer = await with_retries(lambda p=prompt: self._try(p), clock=self._clock, rng=self._rng)  # type: ignore[misc]
            except CallError as error:
                await asyncio.to_thread(self._rows.failed, prompt.key, error)
                self._run.fail(error)
            else:
                await self._answered.add((prompt.key, answer))
                self._run.answer(prompt.key)

    async def _try(self, prompt: Prompt) -> Answer:
        tokens = ExpectedTokens(prompt.input_tokens, prompt.output_tokens)
        async with paced_call(self._breaker, self._pacer, tokens) as call:
            await self._sent.add(Sent(prompt.key, "", None))
            await call.sending()
            return await self._ask(prompt, call)

    async def _ask(self, prompt: Prompt, call: PacedCall) -> Answer:
        try:
            response = await next(self._clients).post(
                "/v1/messages", json=body_of(prompt.system, prompt.text), headers={PROMPT_HEADER: prompt.key}
            )
        except httpx.TransportError as error:
            kind = type(error).__name__
            raise CallError(Hop.MODEL_VENDOR, kind, blame=Blame.PROVIDER, retryable=True) from error
        call.heard(response.headers)
        body = response.json()
        if response.status_code != 200:
            raise refusal_of(response, body)
        call.usage = usage_of(body["usage"])
        text = "".join(block.get("text", "") for block in body["content"])
        return Answer(text, "anthropic", body["model"], int(call.usage.input), int(call.usage.output))


def usage_of(usage: dict[str, int]) -> Usage:
    """Tokens by the answer's own word; those read from a cache do not count against the limit."""
    cached = usage["cache_read_input_tokens"]
    counted = usage["input_tokens"] + usage["cache_creation_input_tokens"]
    return Usage(counted + cached, usage["output_tokens"], cached)


def refusal_of(response: httpx.Response, body: Any) -> CallError:
    """An error's status and headers in the project's terms (docs/domain.md §5)."""
    status, after = response.status_code, response.headers.get("retry-after")
    return CallError(
        Hop.MODEL_VENDOR,
        {429: "vendor_rate_limit", 529: "vendor_overloaded"}.get(status, "vendor_server_error"),
        blame=Blame.RATE_LIMIT if status == 429 else Blame.PROVIDER,
        retryable=status == 429 or status >= 500,
        retry_after_seconds=float(after) if after else None,
        evidence=str(body["error"]["message"]),
    )


def left_to_do(job: Job, store: Store) -> list[Prompt]:
    """The prompts of this process that have neither an answer nor a failure, by the store."""
    rows = unsettled(store, job.more["attempt_id"], job.more["shard"])
    left = {row["prompt_id"] for row in rows}
    return [prompt for prompt in job.prompts if prompt.key in left]


async def main() -> None:
    """Up to `WAITING_MAX` prompts at once, in order."""
    job = read_job()
    tariff = tariff_of(job)
    with open_store(job.more["store_url"], CONNECTIONS) as store:
        async with (
            clients_for(job) as clients,
            Breaker(store, f"anthropic {ACCOUNT}", Clock()) as breaker,
            Pacer(Ledger(store, 1.0), lambda: tariff) as pacer,
        ):
            run = Run()
            prompts = iter(left_to_do(job, store))  # after the go signal: who takes over must see what was done before
            worker = Worker(job, store, breaker, pacer, clients, run)
            await asyncio.gather(*(worker.work(prompts) for _ in range(min(WAITING_MAX, len(job.prompts)))))
        run.report()


if __name__ == "__main__":
    asyncio.run(main())
