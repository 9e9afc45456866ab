"""Python code that is filled in as text there: here it is never a template, and gets its values by ``vars``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.expressions import is_lone, lone
from blockyard_platform.convert.ddeutil.scanning import Scanner, alone_in_quotes
from blockyard_platform.convert.ddeutil.texts import environment, parts
from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.naming import Names

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_BY_VARS = "hand the value over by vars, as in vars: {x: ${{ params.x }}}, and use x in the code"


class CodeText:
    """One piece of code in work: what it becomes, and the vars that take the place of its expressions."""

    def __init__(self, taken: dict[str, Any], pointer: Pointer, index: Index) -> None:
        """Begin with the vars that the stage has already."""
        self.vars = dict(taken)
        self._made: dict[str, str] = {}
        self._free_names = Names(taken, joint="_")
        self._pointer = pointer
        self._index = index

    def convert(self, data: str) -> str:
        """Return the code with a name for each expression; what cannot be named stays, and is noted."""
        found = parts(data, self._pointer, self._index)
        scanner, code = Scanner(), [""]
        for place, (literal, piece) in enumerate(found):
            if literal:
                scanner.feed(piece)
                code.append(environment(piece, self._pointer, self._index))
                continue
            after = found[place + 1][1] if place + 1 < len(found) else ""
            if scanner.state == "#":
                code.append(piece.strip())
            elif alone_in_quotes(code[-1], scanner.state, after):
                code[-1] = code[-1][:-1]
                code.append(self._name(piece, as_text=True))
                found[place + 1] = (True, after[1:])
                scanner.state = ""
            elif scanner.state:
                self._lost("an expression inside of a text in Python code", _BY_VARS)
                code.append("${{" + piece + "}}")
            else:
                code.append(self._name(piece, as_text=False))
        return "".join(code)

    def _name(self, source: str, *, as_text: bool) -> str:
        if not is_lone(source):
            self._lost(f"'{source.strip()[:60]}' in Python code", _BY_VARS)
            return "${{" + source + "}}"
        try:
            expression = lone(source, self._index) + (" | str" if as_text else "")
        except NoEqualError as error:
            self._lost(error.what, error.advice)
            return "${{" + source + "}}"
        if expression not in self._made:
            self._made[expression] = self._free(source)
            self.vars[self._made[expression]] = "${{ " + expression + " }}"
            self._note(source)
        return self._made[expression]

    def _free(self, source: str) -> str:
        return self._free_names.take(_NO_WORD.sub("_", source.partition("|")[0]).strip("_"))

    def _note(self, source: str) -> None:
        self._index.findings.differs(
            self._pointer,
            f"there the text of '{source.strip()}' is pasted into the code; here the code gets the value, by vars",
            "text that was meant to be code does not run",
        )

    def _lost(self, what: str, advice: str) -> None:
        self._index.findings.lost(self._pointer, what, advice)
