"""What a stage asks the ledger for, computed from the catalogue."""

from __future__ import annotations

from daily_runs.catalogue import Call
from daily_runs.judging.prompt import JudgePrompt
from daily_runs.quota.ledger import Cost, Window, account_costs
from daily_runs.quota.rates import budget
from daily_runs.run import Work

CHARACTERS_PER_TOKEN = 3.0
"""Fewer than English prose or code has (about 4), so that a reservation is rather too large."""


def prompt_costs(work: Work) -> list[Cost]:
    """What one prompt takes: of the feature's own rate, and of the account that the environment spends."""
    environment, tokens = work.environment, work.feature.limits.tokens_per_prompt
    binding = budget(work.catalogue, work.feature, work.attempt.key.environment).binding
    rate = Cost(f"{work.feature.feature} in {work.attempt.key.environment}", 1, binding.prompts_per_minute)
    account = work.catalogue.accounts[environment.account]
    return [rate, *account_costs(environment.account, account, tokens.input, tokens.output)]


def user_costs(work: Work, user: str) -> list[Cost]:
    """What one call takes of a user's own rate: code suggestions have one, `aiAction` has a window instead."""
    if work.feature.call is not Call.COMPLETE_CODE:
        return []
    per_minute = work.environment.limits.code_suggestions_per_minute
    return [Cost(f"code suggestions of {user} in {work.attempt.key.environment}", 1, per_minute)]


def verdict_costs(work: Work, prompt: JudgePrompt) -> list[Cost]:
    """What one verdict takes of the judge's account: the catalogue's figure, or more if the prompt is longer."""
    judge = work.catalogue.judge
    account = work.catalogue.accounts[judge.account]
    input_tokens = max(judge.input_tokens_per_verdict, prompt.characters / CHARACTERS_PER_TOKEN)
    return account_costs(judge.account, account, input_tokens, judge.output_tokens_per_verdict)


def ai_action_window(work: Work) -> Window | None:
    """GitLab's `ai_action` limit, shared by all features that use `aiAction`; code suggestions do not."""
    if work.feature.call is Call.COMPLETE_CODE:
        return None
    limits, environment = work.environment.limits, work.attempt.key.environment
    seconds = limits.ai_action_window_hours * 3600
    return Window(
        f"ai_action in {environment}", limits.ai_action_calls_per_window, seconds, work.environment.evaluation_users
    )
