"""Scopes: the names that expressions see, chained from the inside to the outside; nothing is ever copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.lookup import is_node
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_platform.results import StageRecord
    from blockyard_platform.syntax import GuestExpression


class Scope:
    """One level of names and of stages that have ended; an inner level hides what bears the same name further out."""

    __slots__ = ("names", "parent", "stages")

    def __init__(self, parent: Scope | None, names: dict[str, Any]) -> None:
        """Open a level inside another."""
        self.parent = parent
        self.names = names
        self.stages: dict[str, StageRecord] = {}

    def find(self, root: str) -> Any:
        """Return the value of a name; raise KeyError when it has none here."""
        if root == "stages":
            return Stages(self)
        scope: Scope | None = self
        while scope is not None:
            if root in scope.names:
                return scope.names[root]
            scope = scope.parent
        raise KeyError(root)


class Stages:
    """The stages that have ended, as expressions see them from one scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        """Look from this scope outwards."""
        self._scope = scope

    def look(self, key: str) -> StageRecord:
        """Return the record of a stage; raise KeyError when none has that id, or it has not run yet."""
        scope: Scope | None = self._scope
        while scope is not None:
            if key in scope.stages:
                return scope.stages[key]
            scope = scope.parent
        raise KeyError(key)

    def keys(self) -> list[str]:
        """Return the ids of all stages that are seen, the innermost first."""
        found: dict[str, None] = {}
        scope: Scope | None = self._scope
        while scope is not None:
            found.update(dict.fromkeys(scope.stages))
            scope = scope.parent
        return list(found)

    def plain(self) -> dict[str, Any]:
        """Return all records as plain data."""
        return {key: self.look(key).plain() for key in self.keys()}


def gather(expressions: tuple[GuestExpression, ...], scope: Scope) -> dict[str, Any]:
    """Return what these expressions may need, as plain data: single params and stages where that is enough."""
    names: dict[str, Any] = {}
    whole: set[str] = set()
    for expression in expressions:
        for root, key in expression.needs:
            if root not in whole and not _gather_one(names, scope, root, key):
                whole.add(root)
                _gather_whole(names, scope, root)
    return names


def _gather_one(names: dict[str, Any], scope: Scope, root: str, key: str | None) -> bool:
    """Add one entry of a name; return False when only the whole will do."""
    if key is None:
        return False
    try:
        value = scope.find(root)
        found = value[key] if is_mapping(value) else value.look(key)
    except KeyError:
        return False
    names.setdefault(root, {})[key] = found.plain() if is_node(found) else found
    return True


def _gather_whole(names: dict[str, Any], scope: Scope, root: str) -> None:
    try:
        value = scope.find(root)
    except KeyError:
        return
    names[root] = value.plain() if is_node(value) else value
