"""Templates: data in which texts may hold ``${{ ... }}``, parsed once and filled as often as needed.

A text that is one expression keeps the expression's type; in a longer text the value is written as text (JSON for all
that is not text). ``$${{`` gives the literal ``${{``. What a look-up gives is never read as a template again: filling
works on the parsed form alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.expressions import ROOTS, parse
from blockyard_platform.filters import text_of
from blockyard_platform.lookup import filtered, look_up
from blockyard_platform.placeholders import OPENS, pieces
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.syntax import GuestExpression, Literal, Path, Piped
from blockyard_platform.weight import weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blockyard_platform.lookup import Names

Asked = GuestExpression | Piped
"""What a guest is asked for."""

MAX_FILLED = 16 * 1024 * 1024
"""Bytes, roughly, that filling one template may bring together."""


class Filling:
    """The filling of one template: where names come from, what the guest answered, what is left of the bound."""

    __slots__ = ("answers", "left", "names")

    def __init__(self, names: Names, answers: Sequence[Any] = ()) -> None:
        """Begin with the whole bound."""
        self.names = names
        self.answers = answers
        self.left = MAX_FILLED

    def take(self, value: Any) -> Any:
        """Count a value against the bound and return it; raise ExpressionError when it is hit."""
        self.left -= check_weight(value, self.left)
        return value


def check_weight(value: Any, bound: int = MAX_FILLED) -> int:
    """Return how heavy a value is; raise ExpressionError when that is beyond the bound."""
    weight = weigh(value, bound)
    if weight > bound:
        raise ExpressionError(
            f"the values that this stage is given exceed {MAX_FILLED // 1024 // 1024} MiB",
            "hand over less at once, for example in a foreach",
        )
    return weight


@dataclass(frozen=True, slots=True)
class _Constant:
    value: Any

    def fill(self, filling: Filling) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class _LookUp:
    path: Path

    def fill(self, filling: Filling) -> Any:
        return filling.take(look_up(self.path, filling.names))


@dataclass(frozen=True, slots=True)
class _Answer:
    index: int

    def fill(self, filling: Filling) -> Any:
        return filling.take(filling.answers[self.index])


@dataclass(frozen=True, slots=True)
class _Text:
    parts: tuple[_Node, ...]

    def fill(self, filling: Filling) -> str:
        return "".join([filling.take(text_of(part.fill(filling))) for part in self.parts])


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[_Node, ...]

    def fill(self, filling: Filling) -> list[Any]:
        return [item.fill(filling) for item in self.items]


@dataclass(frozen=True, slots=True)
class _Mapping:
    items: tuple[tuple[str, _Node], ...]

    def fill(self, filling: Filling) -> dict[str, Any]:
        return {key: item.fill(filling) for key, item in self.items}


_Node = _Constant | _LookUp | _Answer | _Text | _List | _Mapping


@dataclass(frozen=True, slots=True)
class Template:
    """Data parsed once. ``guest`` are the expressions whose answers :meth:`fill` must be given, in order."""

    node: _Node
    guest: tuple[Asked, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether nothing is to be filled in."""
        return type(self.node) is _Constant

    def written(self, key: str) -> Any:
        """Return what a mapping has under a key, and ``None`` where an expression says it, or nothing does."""
        node: _Node | None = self.node
        if type(node) is _Constant and is_mapping(node.value):
            return node.value.get(key)
        node = dict(node.items).get(key) if type(node) is _Mapping else None
        return node.value if type(node) is _Constant else None

    def mentions(self, key: str) -> bool:
        """Whether a mapping has a key, whatever stands there."""
        if type(self.node) is _Constant:
            return is_mapping(self.node.value) and key in self.node.value
        return type(self.node) is _Mapping and any(name == key for name, _ in self.node.items)

    def fill(self, names: Names, answers: Sequence[Any] = ()) -> Any:
        """Return the data with every expression replaced; raise ExpressionError when one cannot be resolved."""
        if type(self.node) is _Constant:
            return self.node.value
        return self.node.fill(Filling(names, answers))


def compile_template(data: Any, roots: frozenset[str] = ROOTS) -> Template:
    """Parse every text in the data, at any depth; raise ExpressionError for the first that is not well formed.

    ``roots`` are the names that expressions may begin with, where they are not those of stages.
    """
    guest: list[Asked] = []
    return Template(_compile(data, guest, roots), tuple(guest))


def constant(value: Any) -> Template:
    """Return a template that fills to this very value."""
    return Template(_Constant(value))


def _compile(data: Any, guest: list[Asked], roots: frozenset[str]) -> _Node:
    if isinstance(data, str):
        return _compile_text(data, guest, roots) if OPENS in data else _Constant(data)
    if is_list(data):
        nodes = tuple(_compile(item, guest, roots) for item in data)
        values = _values(nodes)
        if values is None:
            return _List(nodes)
        return _Constant(data if _same(values, data) else values)
    if is_mapping(data):
        pairs = tuple((key, _compile(item, guest, roots)) for key, item in data.items())
        values = _values(tuple(node for _, node in pairs))
        if values is None:
            return _Mapping(pairs)
        same = _same(values, data.values())
        return _Constant(data if same else dict(zip(data, values, strict=True)))
    return _Constant(data)


def _values(nodes: tuple[_Node, ...]) -> list[Any] | None:
    """Return the values of nodes of which none is to be filled; ``None`` when one is."""
    values = [node.value for node in nodes if type(node) is _Constant]
    return values if len(values) == len(nodes) else None


def _same(values: Iterable[Any], items: Iterable[Any]) -> bool:
    return all(value is item for value, item in zip(values, items, strict=True))


def _compile_text(text: str, guest: list[Asked], roots: frozenset[str]) -> _Node:
    parts = [
        _Constant(piece) if literal else _compile_expression(piece, guest, roots)
        for literal, piece in pieces(text)
    ]
    if len(parts) == 1:
        return parts[0]
    return _Text(tuple(parts))


def _compile_expression(source: str, guest: list[Asked], roots: frozenset[str]) -> _Node:
    expression = parse(source, roots)
    if isinstance(expression, GuestExpression | Piped):
        guest.append(expression)
        return _Answer(len(guest) - 1)
    if isinstance(expression, Literal):
        return _Constant(filtered(expression.value, expression.filters))
    return _LookUp(expression)
