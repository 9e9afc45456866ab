"""Match statements: captures are names, dotted values are attribute reads, class patterns read attributes.

The interpreter reads the attributes of a class pattern natively, without a guard.  So each class in a pattern is
looked at once, when the subject has been evaluated, by ``_pattern_``: it refuses attributes that the class does
not show to a stage.  What it returns is held under a name that the user can't write, so that no guard of an
earlier case can swap the class between the check and the use.
"""

import ast
import itertools
from collections.abc import Iterator

from blockyard_sandbox.guest.policy.base import BasePolicy, call
from blockyard_sandbox.guest.policy.words import advice_for_attribute


class MatchChecks(BasePolicy):
    """Allow match statements whose captures and reads are guarded."""

    def __init__(self) -> None:
        """Start counting the classes that are held."""
        super().__init__()
        self._held: Iterator[int] = itertools.count()
        self._classes: list[ast.expr] = []

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """Evaluate the subject, then look at the classes, then match."""
        node.subject = self.visit(node.subject)
        outer, self._classes = self._classes, []
        for case in node.cases:
            case.pattern = self.visit(case.pattern)
        classes, self._classes = self._classes, outer
        for case in node.cases:
            case.guard = self.visit(case.guard) if case.guard else None
            case.body = self._statements(case.body)
        if classes:
            wrapped = call("_subject_", node.subject, *classes)
            node.subject = ast.copy_location(wrapped, node.subject)
        return node

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        holder = self.node_contents_visit(ast.Module(body=body, type_ignores=[]))
        return holder.body

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        """Read a dotted value under the guard: ``case Color.RED``.

        The interpreter accepts only a constant or an attribute here, so the guarded value is handed over as
        the ``value`` attribute of a box.
        """
        if isinstance(node.value, ast.Attribute):
            read = self.visit(node.value)
            box = ast.Attribute(value=call("_box_", read), attr="value", ctx=ast.Load())
            node.value = ast.copy_location(box, read)
        else:
            node.value = self.visit(node.value)
        return node

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> ast.AST:
        """Allow None, True and False."""
        return node

    def visit_MatchSequence(self, node: ast.MatchSequence) -> ast.AST:
        """Allow sequences: their items are data."""
        return self.node_contents_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        """Allow mappings; a dotted key is refused, since it would be read without a guard."""
        self.check_name(node, node.rest)
        for key in node.keys:
            if isinstance(key, ast.Attribute):
                self.refuse(key, "a dotted name can't be a key in a pattern; use the text itself")
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        """Check the name that takes the rest."""
        self.check_name(node, node.name)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        """Check the captured name."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchOr(self, node: ast.MatchOr) -> ast.AST:
        """Allow alternatives."""
        return self.node_contents_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """Hold the class, and have ``_pattern_`` look at the attributes the pattern reads."""
        for name in node.kwd_attrs:
            if name.startswith("_"):
                self.refuse(node, advice_for_attribute(name))
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        held = f"_class{next(self._held)}_"
        names = ast.Tuple([ast.Constant(name) for name in node.kwd_attrs], ast.Load())
        look = call("_pattern_", self.visit(node.cls), ast.Constant(len(node.patterns)), names)
        bound = ast.NamedExpr(target=ast.Name(held, ast.Store()), value=look)
        self._classes.append(ast.copy_location(bound, node.cls))
        node.cls = ast.copy_location(ast.Name(held, ast.Load()), node.cls)
        return node
