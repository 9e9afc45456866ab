"""The one table of stage kinds: the key that tells each, its other keys, other spellings, and whether it works yet.

Keys, spellings and bounds are those of ddeutil-workflow's stages where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from blockyard_schemas.plain import is_mapping


class Kind(StrEnum):
    """What a stage does."""

    EMPTY = "empty"
    CALL = "call"
    PYTHON = "python"
    VIRTUAL = "virtual-python"
    BASH = "bash"
    DOCKER = "docker"
    TRIGGER = "trigger"
    PARALLEL = "parallel"
    FOREACH = "foreach"
    UNTIL = "until"
    CASE = "case"
    TRY = "try"
    WAIT = "wait"
    RAISE = "raise"


@dataclass(frozen=True, slots=True)
class KindRow:
    """A row of the table: the key that tells a kind (none for ``empty``), all others, and those that must be there."""

    kind: Kind
    key: str | None
    others: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    built: bool = False


ROWS: tuple[KindRow, ...] = (
    KindRow(Kind.CALL, "uses", ("with",), built=True),
    KindRow(Kind.VIRTUAL, "deps", ("run", "python", "vars", "hosts"), ("run",), built=True),
    KindRow(Kind.PYTHON, "run", ("vars",), built=True),
    KindRow(Kind.BASH, "bash", ("env", "hosts"), built=True),
    KindRow(
        Kind.DOCKER,
        "image",
        ("tag", "command", "env", "volume", "auth", "pull", "workdir", "network"),
        built=True,
    ),
    KindRow(Kind.TRIGGER, "trigger", ("params",), built=True),
    KindRow(Kind.PARALLEL, "parallel", ("max-workers",), built=True),
    KindRow(
        Kind.FOREACH,
        "foreach",
        ("stages", "concurrent", "use-index-as-key", "fail-fast"),
        ("stages",),
        built=True,
    ),
    KindRow(Kind.UNTIL, "until", ("item", "stages", "max-loop"), ("stages",), built=True),
    KindRow(Kind.CASE, "case", ("match", "skip-not-match"), ("match",), built=True),
    KindRow(Kind.TRY, "try", ("catch", "finally"), built=True),
    KindRow(Kind.WAIT, "wait", built=True),
    KindRow(Kind.RAISE, "raise", built=True),
    KindRow(Kind.EMPTY, None, ("echo", "sleep"), built=True),
)
"""In the order in which a stage's keys are looked at: ``deps`` beside ``run`` is a virtual environment."""

BASE_KEYS: tuple[str, ...] = (
    "id",
    "name",
    "desc",
    "if",
    "retry",
    "timeout",
    "continue-on-error",
    "always",
    "extras",
)
"""Keys that a stage of any kind may have."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "condition": "if",
        "continue_on_error": "continue-on-error",
        "forced": "always",
        "args": "with",
        "version": "python",
        "max_workers": "max-workers",
        "max_loop": "max-loop",
        "use_index_as_key": "use-index-as-key",
        "skip_not_match": "skip-not-match",
        "fail_fast": "fail-fast",
    }
)
"""Other spellings of a stage's keys; a stage has one spelling of each."""

BUILT: frozenset[Kind] = frozenset(row.kind for row in ROWS if row.built)
"""Kinds that work; the others are valid in a document and refused when it is to be run."""

MAX_RETRY = 19
"""The highest number of further attempts."""
MAX_SLEEP = 1800
"""Seconds."""
MAX_WORKERS = 19
MAX_CONCURRENT = 9
MAX_LOOP = 99
MAX_PARALLEL = 19
"""Jobs, and jobs of one matrix, at once."""
MAX_COMBINATIONS = 256
"""Jobs that one matrix may stand for."""

_BY_KIND: Mapping[Kind, KindRow] = MappingProxyType({row.kind: row for row in ROWS})
_KIND_KEYS: tuple[tuple[str, Kind], ...] = tuple(
    (row.key, row.kind) for row in ROWS if row.key is not None
)


def row_of(kind: Kind) -> KindRow:
    """Return the row of a kind."""
    return _BY_KIND[kind]


def kind_of(stage: Any) -> Kind | None:
    """Return the kind that a stage's keys tell, ``empty`` when none of them does; ``None`` when it is no mapping."""
    if not is_mapping(stage):
        return None
    if "run" in stage and "deps" not in stage and "uses" not in stage:
        return Kind.PYTHON
    return next((kind for key, kind in _KIND_KEYS if key in stage), Kind.EMPTY)


def kind_keys(stage: Mapping[str, Any]) -> list[str]:
    """Return the keys of a stage each of which tells a kind; ``run`` with ``deps`` is one kind."""
    found = [key for key, _ in _KIND_KEYS if key in stage]
    return [key for key in found if key != "run"] if "deps" in found else found


def allowed_keys(kind: Kind) -> tuple[str, ...]:
    """Return all keys that a stage of a kind may have, in their usual spelling."""
    row = _BY_KIND[kind]
    own = () if row.key is None else (row.key,)
    return (*own, *row.others, *BASE_KEYS)


def spellings(key: str) -> tuple[str, ...]:
    """Return a key and its other spellings."""
    return (key, *(other for other, usual in ALIASES.items() if usual == key))


def normalise(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage with the usual spelling of each key; what is inside of values is left as it is."""
    return {ALIASES.get(key, key): value for key, value in stage.items()}
