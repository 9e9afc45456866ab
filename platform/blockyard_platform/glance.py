"""A first glance at a document: is a guest likely to be needed? Nothing is decided by it but an early start.

So it asks for as little as it can: expressions are imported only when the document has no code that needs a guest anyway.
"""

from __future__ import annotations

from typing import Any

from blockyard_platform.plain import is_list, is_mapping


def needs_guest(data: Any) -> bool:
    """Whether the document looks as if it has a stage or an expression for the guest."""
    return _has_code(data) or _has_guest_expression(data)


def _has_code(value: Any) -> bool:
    heap = [value]
    while heap:
        value = heap.pop()
        if is_mapping(value):
            if "uses" in value or "run" in value:
                return True
            heap.extend(value.values())
        elif is_list(value):
            heap.extend(value)
    return False


def _has_guest_expression(data: Any) -> bool:
    from blockyard_platform.placeholders import texts

    return any(_is_guest_expression(text) for text, _ in texts(data))


def _is_guest_expression(text: str) -> bool:
    from blockyard_platform.errors import ExpressionError
    from blockyard_platform.expressions import parse
    from blockyard_platform.placeholders import pieces
    from blockyard_platform.syntax import GuestExpression, Piped

    try:
        return any(
            not literal and isinstance(parse(source), GuestExpression | Piped)
            for literal, source in pieces(text)
        )
    except ExpressionError:
        return False
