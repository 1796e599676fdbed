"""Prices computed by a formula that the sales team types into a form."""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class BadFormula(ValueError):
    """The formula cannot be computed; the text says why."""


@dataclass(frozen=True)
class Offer:
    """What a formula may refer to."""

    cost: float
    amount: int
    discount: float


def price(formula: str, offer: Offer) -> float:
    """Value of a formula such as `cost * 1.4 - discount`.

    Raises:
        BadFormula: it is not a sum, difference, product or quotient of numbers and of the offer's fields.
    """
    names = {"cost": offer.cost, "amount": offer.amount, "discount": offer.discount}
    try:
        result = _value(ast.parse(formula, mode="eval").body, names)
    except (SyntaxError, ZeroDivisionError) as error:
        raise BadFormula(f"{formula!r}: {error}") from error
    return round(result, 2)


def _value(node: ast.expr, names: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in names:
            return float(names[name])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](_value(left, names), _value(right, names))
    raise BadFormula(f"{ast.unparse(node)!r} is not allowed in a formula")


def price_list(formula: str, offers: dict[str, Offer]) -> dict[str, float]:
    """Price of every offer by its name."""
    return {name: price(formula, offer) for name, offer in offers.items()}
