"""The section ``on: webhook`` of a document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from blockyard_platform.plain import is_mapping
from blockyard_platform.triggers.filling import REQUEST
from blockyard_platform.triggers.findings import Findings, Path
from blockyard_platform.triggers.hooks_in import WINDOW
from blockyard_platform.triggers.hooks_out import SIGNATURE
from blockyard_platform.triggers.signatures import STYLES, Style

Mode: TypeAlias = Literal["sync", "async"]
MODES: tuple[Mode, ...] = get_args(Mode)

LONGEST_SYNC = 300.0
"""Seconds for which a caller may wait for the outputs of a run."""

_SYNC = 30.0
_LONGEST_WINDOW = 3_600.0
_PATH = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(?:/[a-z0-9][a-z0-9_-]{0,63}){0,3}")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_SIGNATURE = ("style", "header", "window")
_WEBHOOK = ("path", "secret", "mode", "timeout", "signature", "params")


@dataclass(frozen=True, slots=True)
class Signature:
    """How the requests of a hook are signed: ``secret`` is the secret's name, ``window`` seconds."""

    secret: str
    style: Style = "timestamped"
    header: str = SIGNATURE
    window: float = WINDOW


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook in. ``sync`` answers with the outputs of the run, and waits ``timeout`` seconds for them."""

    name: str
    mode: Mode
    timeout: float
    signature: Signature
    params: dict[str, Any] = field(default_factory=dict[str, Any])


def read_hook(value: Any, path: Path, findings: Findings) -> Hook | None:
    """Read ``webhook``; ``None`` after a problem."""
    row = findings.mapping(value, path, "a webhook", _WEBHOOK)
    if row is None:
        return None
    name = _named(
        row, "path", path, _PATH, "1 to 4 names (a-z, 0-9, _, -) with / between", findings
    )
    signature = _signature(row, path, findings)
    mode = findings.choice(row.get("mode", "async"), (*path, "mode"), MODES)
    timeout = findings.seconds(row.get("timeout", _SYNC), (*path, "timeout"), 1, LONGEST_SYNC)
    if "timeout" in row and mode == "async":
        hint = "take it out, or write `mode: sync`"
        findings.add("kinds", (*path, "timeout"), "a hook that is async does not wait", hint)
    params = findings.params(row.get("params", {}), (*path, "params"), REQUEST)
    if name is None or signature is None or mode is None or timeout is None:
        return None
    return Hook(name, mode, timeout, signature, params)


def _signature(row: dict[str, Any], path: Path, findings: Findings) -> Signature | None:
    what = "the name of a secret, not the secret itself"
    secret = _named(row, "secret", path, _SECRET, what, findings)
    place, given = (*path, "signature"), row.get("signature", {})
    if not is_mapping(given):  # the style alone
        style = findings.choice(given, place, STYLES)
        given = {}
    else:
        given = findings.mapping(given, place, "a signature", _SIGNATURE) or {}
        style = findings.choice(given.get("style", "timestamped"), (*place, "style"), STYLES)
    if style == "github" and "window" in given:
        message = "a signature in the style of GitHub has no time, so that it has no window"
        findings.add("kinds", (*place, "window"), message, "take it out")
    usual = {"header": "X-Hub-Signature-256" if style == "github" else SIGNATURE}
    header = _named(usual | given, "header", place, _HEADER, "the name of a header", findings)
    window = findings.seconds(given.get("window", WINDOW), (*place, "window"), 1, _LONGEST_WINDOW)
    if secret is None or style is None or header is None or window is None:
        return None
    return Signature(secret, style, header, window)


def _named(
    row: dict[str, Any], key: str, path: Path, form: re.Pattern[str], what: str, findings: Findings
) -> str | None:
    if key not in row:
        findings.add("missing-key", path, f"a webhook needs the key '{key}'", f"add '{key}:'")
        return None
    value = row[key]
    if not isinstance(value, str) or not form.fullmatch(value):
        # Not shown: where the name of a secret belongs, the secret itself may stand.
        findings.add("format", (*path, key), f"'{key}' of a webhook must be {what}")
        return None
    return value
