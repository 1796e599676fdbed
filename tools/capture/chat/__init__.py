"""The chats of the Duo Chat data set: a module for each class, beside the first ones."""

from __future__ import annotations

from chat.calculation import CALCULATION
from chat.first import FIRST
from chat.lookup import LOOKUP
from chat.no_clear_answer import NO_CLEAR_ANSWER
from chat.reasoning import REASONING
from chat.rewriting import REWRITING
from chat.summaries import SUMMARIES

CHATS = (*FIRST, *SUMMARIES, *REWRITING, *LOOKUP, *REASONING, *CALCULATION, *NO_CLEAR_ANSWER)
