"""Imports: they become look-ups in the facades, never an import instruction."""

import ast
from collections.abc import Collection, Mapping

from blockyard_sandbox.guest.policy.base import BasePolicy, call
from blockyard_sandbox.guest.policy.words import did_you_mean

FUTURE = frozenset(
    {
        "annotations",
        "division",
        "absolute_import",
        "generator_stop",
        "generators",
        "nested_scopes",
        "print_function",
        "unicode_literals",
        "with_statement",
    }
)


class ImportChecks(BasePolicy):
    """Check import statements against the facades, and rewrite them."""

    def __init__(self, catalogue: Mapping[str, Collection[str]]) -> None:
        """``catalogue`` holds the names of each facade that may be imported."""
        super().__init__()
        self._catalogue = catalogue
        self.future_annotations = False

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """Turn ``import a.b as c`` into ``c = _import_("a.b")``."""
        made: list[ast.stmt] = []
        for alias in node.names:
            self.check_name(node, alias.asname)
            if alias.name not in self._catalogue:
                self._unknown_module(node, alias.name)
                continue
            source = alias.name if alias.asname else alias.name.partition(".")[0]
            made.append(_bind(node, alias.asname or source, call("_import_", ast.Constant(source))))
        return made

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """Turn ``from a import b as c`` into ``c = _import_("a", "b")``."""
        module = node.module or ""
        if node.level:
            self.refuse(
                node, "an import that starts with a dot is not available: a stage is one text"
            )
            return []
        if module == "__future__":
            return self._future(node)
        if module not in self._catalogue:
            self._unknown_module(node, module)
            return []
        made: list[ast.stmt] = []
        for alias in node.names:
            self.check_name(node, alias.asname)
            if alias.name == "*":
                self.refuse(node, f"import the names you need instead of *: {self._offer(module)}")
            elif alias.name not in self._catalogue[module]:
                self._unknown_name(node, module, alias.name)
            else:
                value = call("_import_", ast.Constant(module), ast.Constant(alias.name))
                made.append(_bind(node, alias.asname or alias.name, value))
        return made

    def _future(self, node: ast.ImportFrom) -> list[ast.stmt]:
        for alias in node.names:
            if alias.name not in FUTURE or alias.asname:
                self.refuse(node, f"__future__ has no {alias.name!r} here")
            elif alias.name == "annotations":
                self.future_annotations = True
        return [ast.copy_location(ast.Pass(), node)]

    def _unknown_module(self, node: ast.AST, name: str) -> None:
        known = sorted(self._catalogue)
        self.refuse(
            node,
            f"there is no module {name!r} in a stage{did_you_mean(name, known)};"
            f" these exist: {', '.join(known)}",
        )

    def _offer(self, module: str) -> str:
        return f"it offers: {', '.join(sorted(self._catalogue[module]))}"

    def _unknown_name(self, node: ast.AST, module: str, name: str) -> None:
        near = did_you_mean(name, self._catalogue[module])
        self.refuse(node, f"{module} has no {name!r} here{near}; {self._offer(module)}")


def _bind(node: ast.stmt, name: str, value: ast.expr) -> ast.stmt:
    statement = ast.Assign(targets=[ast.Name(name, ast.Store())], value=value)
    return ast.copy_location(statement, node)
