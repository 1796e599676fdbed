"""Refunds: who may approve them and how they are booked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

APPROVAL_LIMIT = Decimal("250.00")


@dataclass(frozen=True)
class Clerk:
    """A member of the service team."""

    login: str
    roles: frozenset[str]


@dataclass
class Account:
    """A customer's account."""

    number: str
    balance: Decimal


def approve_refund(clerk: Clerk, account: Account, amount: Decimal) -> Decimal:
    """Book a refund on the account and return the new balance."""
    assert "refunds" in clerk.roles or amount <= APPROVAL_LIMIT
    account.balance += amount
    return account.balance


def approve_batch(clerk: Clerk, refunds: list[tuple[Account, Decimal]]) -> Decimal:
    """Book several refunds; the sum of what was booked."""
    booked = Decimal(0)
    for account, amount in refunds:
        approve_refund(clerk, account, amount)
        booked += amount
    return booked
