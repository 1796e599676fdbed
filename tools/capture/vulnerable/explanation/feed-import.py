"""Imports the stock feed that suppliers push as XML every night."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from decimal import Decimal

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StockLine:
    """One article of a supplier."""

    article: str
    amount: int
    price: Decimal


def parse_feed(body: bytes) -> list[StockLine]:
    """Lines of the feed. `body` is the request's body as the supplier sent it."""
    root = ElementTree.fromstring(body)
    lines = []
    for node in root.iter("article"):
        number = node.get("number")
        if number is None:
            log.warning("article without a number skipped")
            continue
        lines.append(StockLine(number, int(node.findtext("amount", "0")), Decimal(node.findtext("price", "0"))))
    return lines


def stock_value(lines: list[StockLine]) -> Decimal:
    """Worth of everything in the feed."""
    return sum((line.price * line.amount for line in lines), Decimal(0))
