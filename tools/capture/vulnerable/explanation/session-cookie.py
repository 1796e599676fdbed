"""Shopping cart kept in a cookie, so that anonymous visitors need no row in the database."""

from __future__ import annotations

import base64
import pickle
from dataclasses import dataclass, field

COOKIE_NAME = "cart"
MAX_COOKIE_BYTES = 3500


@dataclass
class Cart:
    """What the visitor put aside: article number to amount."""

    lines: dict[str, int] = field(default_factory=dict)
    voucher: str | None = None

    def add(self, article: str, amount: int = 1) -> None:
        self.lines[article] = self.lines.get(article, 0) + amount


def dump_cart(cart: Cart) -> str:
    """Text for the Set-Cookie header."""
    raw = pickle.dumps(cart, protocol=pickle.HIGHEST_PROTOCOL)
    if len(raw) > MAX_COOKIE_BYTES:
        raise ValueError("the cart is too large for a cookie")
    return base64.urlsafe_b64encode(raw).decode()


def load_cart(cookies: dict[str, str]) -> Cart:
    """Cart of this visitor; an empty one when there is no cookie."""
    text = cookies.get(COOKIE_NAME)
    if text is None:
        return Cart()
    return pickle.loads(base64.urlsafe_b64decode(text))
