"""Plain httpx at the known rate, and nothing else: the base that the cost of keeping limits is measured from."""

from __future__ import annotations

import asyncio
import time

import httpx

from tests.bench.cases import body_of
from tests.bench.clients import clients_for
from tests.bench.rivals.protocol import PROMPT_HEADER, Job, Prompt, Run, read_job


async def ask(client: httpx.AsyncClient, prompt: Prompt, run: Run) -> None:
    """One prompt."""
    body = body_of(prompt.system, prompt.text)
    response = await client.post("/v1/messages", json=body, headers={PROMPT_HEADER: prompt.key})
    try:
        response.raise_for_status().json()
    except httpx.HTTPStatusError as error:
        run.fail(error)
    else:
        run.answer(prompt.key)


async def main() -> None:
    """One prompt each time the known rate allows, a hundredth slower."""
    job: Job = read_job()
    async with clients_for(job) as clients:
        run, start, asked = Run(), time.monotonic(), set()
        for number, prompt in enumerate(job.prompts):
            await asyncio.sleep(start + 1.01 * number / job.requests_per_second - time.monotonic())
            task = asyncio.create_task(ask(next(clients), prompt, run))
            asked.add(task)
            task.add_done_callback(asked.discard)
        await asyncio.gather(*asked)
        run.report()


if __name__ == "__main__":
    asyncio.run(main())
