"""Docstrings of blocks: what it does, and lines ``- name: text`` for its parameters."""

import inspect
import re

_LINE = re.compile(r"- (\w+): (.+)")


def described_parameters(doc: str) -> dict[str, str]:
    """Return the descriptions of parameters by name; a line that is indented more goes on with the one before."""
    found: dict[str, str] = {}
    current: str | None = None
    for line in inspect.cleandoc(doc).splitlines():
        match = _LINE.match(line)
        if match:
            current = match[1]
            found[match[1]] = match[2].strip()
        elif current is not None and line.startswith("  "):
            found[current] += " " + line.strip()
        else:
            current = None
    return found
