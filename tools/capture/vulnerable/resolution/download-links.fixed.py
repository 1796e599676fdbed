"""Signed, expiring links to files that customers bought."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from urllib.parse import urlencode

LIFETIME_SECONDS = 900


def signing_key() -> bytes:
    return os.environ["DOWNLOAD_SIGNING_KEY"].encode()


def signature(path: str, expires_at: int) -> str:
    """Signature over a path and its expiry, as hex."""
    return hmac.new(signing_key(), f"{path}:{expires_at}".encode(), hashlib.sha256).hexdigest()


def signed_link(path: str, now: float | None = None) -> str:
    """Link that is good for fifteen minutes."""
    expires_at = int((time.time() if now is None else now) + LIFETIME_SECONDS)
    return f"{path}?{urlencode({'expires': expires_at, 'signature': signature(path, expires_at)})}"


def is_valid(path: str, expires_at: int, given: str, now: float | None = None) -> bool:
    """Whether the link is ours and has not expired."""
    if expires_at < (time.time() if now is None else now):
        return False
    return hmac.compare_digest(given, signature(path, expires_at))
