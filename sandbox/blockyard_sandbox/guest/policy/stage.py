"""The policy of a stage: RestrictedPython, with the Python that people use given back.

RestrictedPython walks the syntax tree and refuses every node it does not know.  What differs from its stock
transformer, and why that is safe:

- Iteration, unpacking, item reads and calls stay native.  Its hooks there serve hosts whose objects carry
  permissions of their own; here none does.  What counts is what can be *reached*, and that is decided where an
  attribute is read (``_getattr_``) and where a name is imported (``_import_``).
- Every attribute read is a guard's call; every write goes through ``_write_``, and an augmented one through
  ``_augment_``, which evaluates its target once and reads under the same guard.
- Names and attributes with a leading underscore belong to the guards; a lone ``_`` is a throw-away name.
"""

import ast
from typing import Any

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from blockyard_sandbox.guest.policy.base import call
from blockyard_sandbox.guest.policy.imports import ImportChecks
from blockyard_sandbox.guest.policy.match import MatchChecks
from blockyard_sandbox.guest.policy.words import (
    RECORD_METHODS,
    SUPER_METHODS,
    TYPE_NAME,
    advice_for_attribute,
)


class StagePolicy(ImportChecks, MatchChecks):
    """Check and rewrite one tree; ``found`` holds what was refused."""

    # --- names ------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Check a name; ``print`` is an ordinary function here."""
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Allow ``global`` for ordinary names."""
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Allow ``nonlocal`` for ordinary names."""
        for name in node.names:
            self.check_name(node, name)
        return node

    # --- attributes and items ---------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Send reads through a guard and writes through ``_write_``."""
        reading = isinstance(node.ctx, ast.Load)
        guard = self._reader(node) if reading else self._writer(node)
        self.node_contents_visit(node)
        if reading:
            read = call(guard, node.value, ast.Constant(node.attr))
            return ast.copy_location(read, node)
        node.value = ast.copy_location(call(guard, node.value), node.value)
        return node

    def _reader(self, node: ast.Attribute) -> str:
        name = node.attr
        if not name.startswith("_"):
            if name in INSPECT_ATTRIBUTES:
                self.refuse(node, advice_for_attribute(name))
            return "_getattr_"
        if name in SUPER_METHODS and (_is_super_call(node.value) or name == "__init__"):
            return "_getspecial_"
        if name == TYPE_NAME or name in RECORD_METHODS:
            return "_getspecial_"
        self.refuse(node, advice_for_attribute(name))
        return "_getattr_"

    def _writer(self, node: ast.Attribute) -> str:
        if node.attr.startswith("_") or node.attr in INSPECT_ATTRIBUTES:
            self.refuse(node, advice_for_attribute(node.attr))
        return "_write_"

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Leave reads native, send writes through ``_write_``."""
        self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = ast.copy_location(call("_write_", node.value), node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Rewrite ``a.b += c`` and ``a[b] += c`` to act on ``_augment_(a)``."""
        target = node.target
        if isinstance(target, ast.Name):
            return self.node_contents_visit(node)
        if isinstance(target, ast.Attribute):
            self._writer(target)
        else:
            target.slice = self.visit(target.slice)
        value: ast.expr = self.visit(target.value)
        target.value = ast.copy_location(call("_augment_", value), value)
        node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Allow assignment, unpacking and starred targets."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Allow annotated names, attributes and items."""
        return self.node_contents_visit(node)

    # --- loops, calls, with -----------------------------------------------------

    def guard_iter(self, node: Any) -> Any:
        """Leave iteration native."""
        if getattr(node, "is_async", 0):
            self.refuse(node, "async is not available; write it without async and await")
        return self.node_contents_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Leave calls native, starred arguments included."""
        return self.node_contents_visit(node)

    def visit_With(self, node: ast.With) -> ast.AST:
        """Wrap each context manager: its exit must not be handed a traceback."""
        self.node_contents_visit(node)
        for item in node.items:
            manager = item.context_expr
            item.context_expr = ast.copy_location(call("_with_", manager), manager)
        return node

    # --- functions and classes --------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Check the names of a function and of all its parameters."""
        self.check_name(node, node.name, allow_magic_methods=True)
        self.check_function_argument_names(node)
        return self._inside(node, in_class=False)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Check the names of the parameters."""
        self.check_function_argument_names(node)
        return self._inside(node, in_class=False)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Let ``_class_`` make the class: it checks the bases."""
        self.check_name(node, node.name)
        for keyword in node.keywords:
            name = keyword.arg or "**"
            self.refuse(
                keyword.value, f'a class can\'t take "{name}": only base classes are allowed'
            )
        node.keywords = []
        self._inside(node, in_class=True)
        maker = ast.keyword(arg="metaclass", value=ast.Name("_class_", ast.Load()))
        node.keywords = [maker]
        return node

    def _inside(self, node: ast.AST, *, in_class: bool) -> ast.AST:
        outer, self.in_class = self.in_class, in_class
        try:
            return self.node_contents_visit(node)
        finally:
            self.in_class = outer

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Visit the statements of a stage."""
        return self.node_contents_visit(node)

    def visit_Interactive(self, node: ast.Interactive) -> None:
        """Refuse: a text is a module or an expression."""
        self.not_allowed(node)

    def visit_TemplateStr(self, node: ast.AST) -> None:
        """Refuse template strings: they hand out objects that were not reviewed."""
        self.not_allowed(node)

    def visit_Interpolation(self, node: ast.AST) -> None:
        """Refuse: see template strings."""
        self.not_allowed(node)


class ExpressionPolicy(StagePolicy):
    """The same for one expression, whose item reads are guarded too, for the sake of better messages."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Send item reads through ``_getitem_``, which names near keys."""
        if not isinstance(node.ctx, ast.Load):
            return super().visit_Subscript(node)
        self.node_contents_visit(node)
        return ast.copy_location(call("_getitem_", node.value, node.slice), node)


def _is_super_call(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )
