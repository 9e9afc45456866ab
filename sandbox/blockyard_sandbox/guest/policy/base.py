"""What all parts of the policy share: findings and names."""

import ast
from typing import Any

from RestrictedPython.transformer import RestrictingNodeTransformer

from blockyard_sandbox.guest.failures import Finding
from blockyard_sandbox.guest.policy.words import METHODS, advice_for_method, advice_for_node


class BasePolicy(RestrictingNodeTransformer):
    """Collects refusals as findings, and checks names."""

    def __init__(self) -> None:
        """Start with nothing found."""
        super().__init__()
        self.found: list[Finding] = []
        self.in_class = False

    def refuse(self, node: ast.AST, message: str) -> None:
        """Note a refusal at a node."""
        self.found.append(Finding(getattr(node, "lineno", None), message))

    def error(self, node: ast.AST, info: str) -> None:
        """Take a refusal of the base class."""
        self.refuse(node, info)

    def warn(self, node: ast.AST, info: str) -> None:
        """Drop the base class's remarks: they are not for the users of this language."""

    def not_allowed(self, node: ast.AST) -> None:
        """Refuse a kind of statement or expression."""
        self.refuse(node, advice_for_node(node))

    def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
        """Refuse a name with a leading underscore, but the lone one and the known methods of a class."""
        if name is None or name == "_" or not name.startswith("_"):
            return
        if allow_magic_methods and self.in_class and name in METHODS:
            return
        if allow_magic_methods and name.startswith("__"):
            self.refuse(node, advice_for_method(name))
            return
        self.refuse(
            node,
            f'"{name}" can\'t be used as a name: names that start with an underscore are reserved;'
            f' call it "{name.strip("_") or "value"}"',
        )


def call(name: str, *arguments: ast.expr) -> ast.Call:
    """Return the call of a guard.  Parts without a position get it from what they stand in."""
    return ast.Call(func=ast.Name(name, ast.Load()), args=list(arguments), keywords=[])
