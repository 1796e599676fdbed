"""aiolimiter at the known limits (requests, input and output tokens) in front of the SDK with its own retries.

The strongest plain use of it: every limit has its limiter, of the bucket's size, and several processes divide the
account evenly among themselves, since a limiter knows its own process only.
"""

from __future__ import annotations

import asyncio

import anthropic
from aiolimiter import AsyncLimiter

from tests.bench.rivals.protocol import PROMPT_HEADER, Job, Prompt, Run, read_job


class Limits:
    """The three limiters of one process."""

    def __init__(self, job: Job) -> None:
        self.requests = _limiter(job.requests_per_second, job.burst_seconds)
        self.input_tokens = _limiter(job.input_tokens_per_second, job.burst_seconds)
        self.output_tokens = _limiter(job.output_tokens_per_second, job.burst_seconds)

    async def wait(self, prompt: Prompt) -> None:
        """Until each has room."""
        await self.requests.acquire(1)
        await self.input_tokens.acquire(min(prompt.input_tokens, self.input_tokens.max_rate))
        await self.output_tokens.acquire(min(prompt.output_tokens, self.output_tokens.max_rate))


def _limiter(per_second: float, burst_seconds: float) -> AsyncLimiter:
    size = max(1.0, per_second * burst_seconds)
    return AsyncLimiter(size, size / per_second)


async def ask(client: anthropic.AsyncAnthropic, job: Job, prompt: Prompt, run: Run) -> None:
    """One prompt that has its turn."""
    try:
        await client.messages.create(
            model=job.model,
            max_tokens=job.max_tokens,
            system=prompt.system,
            messages=[{"role": "user", "content": prompt.text}],
            extra_headers={PROMPT_HEADER: prompt.key},
        )
    except anthropic.APIError as error:
        run.fail(error)
    else:
        run.answer(prompt.key)


async def main() -> None:
    """Prompts in order, each as a task of its own once the limiters let it go."""
    job = read_job()
    async with anthropic.AsyncAnthropic(api_key=job.key, base_url=job.address) as client, asyncio.TaskGroup() as tasks:
        limits, run = Limits(job), Run()
        asked = []
        for prompt in job.prompts:
            await limits.wait(prompt)
            asked.append(tasks.create_task(ask(client, job, prompt, run)))
        await asyncio.gather(*asked)
        run.report()


if __name__ == "__main__":
    asyncio.run(main())
