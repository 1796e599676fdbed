"""Accounts of the wiki: create, check and change passwords."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3


class UnknownAccount(Exception):
    """No account has this name."""


def digest(password: str) -> str:
    """What the accounts table keeps in place of the password."""
    return hashlib.md5(password.encode()).hexdigest()


def create_account(connection: sqlite3.Connection, name: str, password: str) -> None:
    with connection:
        connection.execute("INSERT INTO accounts (name, password_digest) VALUES (?, ?)", (name, digest(password)))


def check_password(connection: sqlite3.Connection, name: str, password: str) -> bool:
    """Whether the password is right.

    Raises:
        UnknownAccount: there is no such account.
    """
    row = connection.execute("SELECT password_digest FROM accounts WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownAccount(name)
    return hmac.compare_digest(row[0], digest(password))


def change_password(connection: sqlite3.Connection, name: str, old: str, new: str) -> bool:
    if not check_password(connection, name, old):
        return False
    with connection:
        connection.execute("UPDATE accounts SET password_digest = ? WHERE name = ?", (digest(new), name))
    return True
