"""Signatures that members of the forum put under their posts."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

MAX_LENGTH = 200


@dataclass(frozen=True)
class Member:
    """Nick, motto and town are what the member typed into the profile."""

    nick: str
    motto: str
    town: str


def shortened(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def signature(member: Member) -> SafeString:
    """HTML that the template of a post puts in as it is; empty for members without a motto."""
    if not member.motto:
        return SafeString("")
    return mark_safe(f'<div class="signature"><b>{member.nick}</b> ({member.town}): {shortened(member.motto)}</div>')


def signatures(members: list[Member]) -> dict[str, SafeString]:
    """Signatures of all members of a thread, by nick."""
    return {member.nick: signature(member) for member in members}
