"""Inspect AI: a task of one sample a prompt, with its adaptive connections (the default) and its own retries."""

from __future__ import annotations

import sys
import tempfile

from inspect_ai import Task
from inspect_ai import eval as run_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from tests.bench.rivals.protocol import PROMPT_HEADER, Job, Prompt, Run, read_job


@solver
def keyed() -> Solver:
    """One generation, with the prompt's key as a header."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        config = GenerateConfig(extra_headers={PROMPT_HEADER: str(state.sample_id)})
        state.output = await get_model().generate(state.messages, config=config)
        return state

    return solve


def sample_of(prompt: Prompt) -> Sample:
    """A prompt as a sample."""
    return Sample(id=prompt.key, input=[ChatMessageSystem(content=prompt.system), ChatMessageUser(content=prompt.text)])


def main() -> None:
    """One eval; a sample that errs doesn't end it."""
    job: Job = read_job()
    task = Task(dataset=MemoryDataset([sample_of(prompt) for prompt in job.prompts]), solver=keyed())
    model = get_model(
        f"anthropic/{job.model}",
        base_url=job.address,
        api_key=job.key,
        config=GenerateConfig(max_tokens=job.max_tokens),
        streaming=False,
    )
    with tempfile.TemporaryDirectory() as logs:
        run = Run()
        (log,) = run_eval(task, model=model, display="none", log_dir=logs, fail_on_error=False)
        for sample in log.samples or []:
            if sample.error is None and sample.output.completion:
                run.answer(str(sample.id))
            elif sample.error is not None:
                sys.stderr.write(f"{sample.id}: {sample.error.message[:200]}\n")
                run.fail(RuntimeError())
        run.report()


if __name__ == "__main__":
    main()
