"""Bounds of a source, looked at before anything is built from it."""

import ast
import re
from dataclasses import dataclass

from blockyard_sandbox.guest.failures import Finding, SourceError

_NO_BRACKETS = re.compile(r"[^()\[\]{}]+")
_OPENING = frozenset("([{")


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """How large a source may be: bytes of UTF-8, brackets inside brackets, nodes and depth of the tree."""

    size: int = 256 * 1024
    brackets: int = 90
    nodes: int = 100_000
    depth: int = 700


LIMITS = SourceLimits()


def check_text(source: str, limits: SourceLimits = LIMITS) -> None:
    """Refuse a source that is too large, or nested so deep that the parser would suffer.

    Brackets in texts and comments count too, but only the ones that are open at once, and 90 are far from
    anything that people write.
    """
    try:
        size = len(source) if source.isascii() else len(source.encode("utf-8"))
    except UnicodeEncodeError:
        raise _too_much("the code holds half of a surrogate pair, which is not text") from None
    if size > limits.size:
        raise _too_much(
            f"the code takes {size} bytes, the limit is {limits.size}; split it into stages"
        )
    if "\0" in source:
        raise _too_much("the code holds a NUL character; remove it")
    open_brackets = 0
    for character in _NO_BRACKETS.sub("", source):
        if character in _OPENING:
            open_brackets += 1
            if open_brackets > limits.brackets:
                raise _too_much(
                    f"more than {limits.brackets} brackets are open at once; name the parts"
                )
        elif open_brackets:
            open_brackets -= 1


def check_tree(tree: ast.AST, limits: SourceLimits = LIMITS) -> int:
    """Refuse a tree with too many nodes or levels; return its depth."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        depth += 1
        nodes += len(level)
        if nodes > limits.nodes:
            raise _too_much(f"the code has more than {limits.nodes} parts; split it into stages")
        if depth > limits.depth:
            raise _too_much(f"the code is nested deeper than {limits.depth} levels; name the parts")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _too_much(message: str) -> SourceError:
    return SourceError([Finding(None, message)])
