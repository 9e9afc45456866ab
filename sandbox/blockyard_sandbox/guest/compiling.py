"""From text to code: parse, check, rewrite, compile; and remember what was compiled."""

import __future__

import ast
import sys
import types
import warnings
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from blockyard_sandbox.guest.failures import Finding, SourceError
from blockyard_sandbox.guest.own import FILENAME
from blockyard_sandbox.guest.policy.stage import ExpressionPolicy, StagePolicy
from blockyard_sandbox.guest.source import check_text, check_tree

Mode = Literal["exec", "eval"]

_FRAMES_A_LEVEL = 5
_MAX_REMEMBERED = 128


@dataclass(frozen=True, slots=True)
class Compiled:
    """Code that the policy let through, with its source."""

    code: types.CodeType
    source: str

    def line(self, number: int | None) -> str | None:
        """Return the text of a line, counted from 1."""
        return line_of(self.source, number)


class Compiler:
    """Compiles stages and expressions; remembers the latest by their text."""

    def __init__(self, catalogue: Mapping[str, Collection[str]]) -> None:
        """``catalogue`` holds the names of each facade that may be imported."""
        self._catalogue = catalogue
        self._known: OrderedDict[tuple[Mode, str], Compiled] = OrderedDict()

    def compile(self, source: str, mode: Mode = "exec") -> Compiled:
        """Return the code of a source; raises SourceError with everything that is wrong with it."""
        key = (mode, source)
        compiled = self._known.get(key)
        if compiled is None:
            compiled = self._known[key] = self._fresh(source, mode)
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        return compiled

    def _fresh(self, source: str, mode: Mode) -> Compiled:
        check_text(source)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._build(source, mode)
        except SyntaxError as error:
            raise _syntax(source, error) from None
        except (RecursionError, MemoryError, ValueError, OverflowError) as error:
            message = f"the code can't be parsed: {error or 'it is too complex'}"
            raise SourceError([Finding(None, message)]) from None

    def _build(self, source: str, mode: Mode) -> Compiled:
        tree = ast.parse(source, FILENAME, mode)
        depth = check_tree(tree)
        policy = (StagePolicy if mode == "exec" else ExpressionPolicy)(self._catalogue)
        _visit(policy, tree, depth)
        if policy.found:
            raise SourceError(_ordered(source, policy.found))
        flags = __future__.annotations.compiler_flag if policy.future_annotations else 0
        code: types.CodeType = compile(
            cast("ast.Module", tree), FILENAME, mode, flags=flags, dont_inherit=True
        )
        return Compiled(code, source)


def line_of(source: str, number: int | None) -> str | None:
    """Return the text of one line of a source, counted from 1; None when there is no such line."""
    if number is None:
        return None
    lines = source.split("\n", number)
    return lines[number - 1].strip()[:400] if 0 < number <= len(lines) else None


def _visit(policy: StagePolicy, tree: ast.AST, depth: int) -> None:
    """Rewrite the tree; a deep one needs more than the usual frames of pure Python, for this step alone."""
    usual = sys.getrecursionlimit()
    if depth * _FRAMES_A_LEVEL < usual // 2:
        policy.visit(tree)
        ast.fix_missing_locations(tree)
        return
    sys.setrecursionlimit(usual + depth * _FRAMES_A_LEVEL)
    try:
        policy.visit(tree)
        ast.fix_missing_locations(tree)
    finally:
        sys.setrecursionlimit(usual)


def _ordered(source: str, found: list[Finding]) -> list[Finding]:
    unique = dict.fromkeys(sorted(found, key=lambda item: item.line or 0))
    return [replace(item, text=line_of(source, item.line)) for item in unique]


def _syntax(source: str, error: SyntaxError) -> SourceError:
    line = error.lineno or None
    text = line_of(source, line) or (error.text or "").strip() or None
    return SourceError([Finding(line, f"SyntaxError: {error.msg}", text)])
