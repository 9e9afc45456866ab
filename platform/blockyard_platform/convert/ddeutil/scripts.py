"""Bash scripts that are filled in as text there: here a script is never a template, and gets its values by ``env``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.texts import environment, expression, parts
from blockyard_platform.naming import Names
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_QUOTED_HEREDOC = re.compile(r"<<-?\s*['\"\\]")
_MARKS = re.compile(r"\\.|['\"]", re.DOTALL)
_BY_ENV = 'hand the value over by env, as in env: {x: ${{ params.x }}}, and use "$x" in the script'


def convert_script(stage: dict[str, Any], pointer: Pointer, index: Index) -> None:
    """Put a variable into the stage's script for each expression in it, and the expressions into its ``env``."""
    given = stage.get("env", {})
    if not isinstance(stage.get("bash"), str):
        return
    own = frozenset(given) if is_mapping(given) else frozenset[str]()
    found = parts(stage["bash"], pointer, index)
    if not is_mapping(given) or (len(found) > 1 and _QUOTED_HEREDOC.search(stage["bash"])):
        if len(found) > 1:
            what = "an expression in a script that no variable can stand for"
            index.findings.lost(pointer, what, _BY_ENV)
        return
    script, quote, env = [""], "", dict(given)
    names, made = Names(env, joint="_"), dict[str, str]()
    for literal, piece in found:
        if literal:
            script.append(environment(piece, pointer, index, own))
            quote = _after(piece, quote)
            continue
        source = expression(piece, pointer, index)
        if source not in made:
            made[source] = names.take(_variable(piece))
            env[made[source]] = "${{ " + source + " }}"
            _note(piece, pointer, index)
        # Between single quotes nothing is a variable: they are closed around it, and opened again.
        script.append(f"'\"${{{made[source]}}}\"'" if quote == "'" else f"${{{made[source]}}}")
    stage["bash"] = "".join(script)
    if env:
        stage["env"] = env


def _variable(source: str) -> str:
    return "V_" + (_NO_WORD.sub("_", source.partition("|")[0]).strip("_")[:60] or "value")


def _after(text: str, quote: str) -> str:
    """Return the quote that is open after a piece of the script."""
    for mark in _MARKS.findall(text):
        if mark[0] == "\\":
            continue
        if not quote:
            quote = mark
        elif quote == mark:
            quote = ""
    return quote


def _note(source: str, pointer: Pointer, index: Index) -> None:
    index.findings.differs(
        pointer,
        f"there the text of '{source.strip()[:60]}' is pasted into the script; here it is a variable of it, by env",
        "text that was meant to be a command does not run",
    )
