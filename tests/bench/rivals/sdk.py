"""The official SDK as its users use it: a number of workers, the SDK's own retries."""

from __future__ import annotations

import asyncio

import anthropic

from tests.bench.rivals.protocol import PROMPT_HEADER, Job, Prompt, Run, read_job


async def work(client: anthropic.AsyncAnthropic, job: Job, waiting: list[Prompt], run: Run) -> None:
    """One worker: the next prompt until there is none."""
    while waiting:
        prompt = waiting.pop(0)
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
    """`job.workers` workers."""
    job = read_job()
    async with anthropic.AsyncAnthropic(api_key=job.key, base_url=job.address) as client:
        run, waiting = Run(), list(job.prompts)
        await asyncio.gather(*(work(client, job, waiting, run) for _ in range(job.workers)))
        run.report()


if __name__ == "__main__":
    asyncio.run(main())
