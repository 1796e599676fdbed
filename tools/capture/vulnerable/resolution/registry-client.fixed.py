"""Reads package versions from a package registry for the update bot."""

from __future__ import annotations

from dataclasses import dataclass

import requests

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30


class RegistryError(Exception):
    """The registry did not answer, or not with what we asked for."""


@dataclass(frozen=True)
class Release:
    """A published version of a package."""

    package: str
    version: str
    yanked: bool


def releases(base_url: str, package: str) -> list[Release]:
    """All releases of a package, as the registry orders them.

    Raises:
        RegistryError: no answer, an error status, or a body that is not the expected JSON.
    """
    try:
        response = requests.get(
            f"{base_url}/packages/{package}/releases",
            headers={"Accept": "application/json"},
            timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
        )
        response.raise_for_status()
        return [Release(package, row["version"], bool(row["yanked"])) for row in response.json()]
    except (requests.RequestException, KeyError, ValueError) as error:
        raise RegistryError(f"{package}: {error}") from error


def newest(found: list[Release]) -> Release | None:
    """The last release that was not withdrawn."""
    return next((release for release in reversed(found) if not release.yanked), None)
