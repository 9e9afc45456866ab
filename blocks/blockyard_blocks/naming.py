"""Names of blocks: how they are written, read and guessed."""

import re

_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_VERSION = re.compile(r"v[0-9]{1,6}")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)([./])([a-z][a-z0-9_]*)(?:@(v[0-9]{1,6}))?")


def is_name(text: str) -> bool:
    """Whether a text is a block's name: ``category.function`` in lower-case letters, digits and ``_``."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether a text is a version: ``v`` and a number."""
    return _VERSION.fullmatch(text) is not None


def read_reference(uses: str) -> tuple[str, str | None] | None:
    """Return name and version of ``text.join``, ``text.join@v1`` or ``text/join@v1``; ``None`` for other texts."""
    found = _REFERENCE.fullmatch(uses)
    if found is None or (found[2] == "/" and found[4] is None):
        return None
    return f"{found[1]}.{found[3]}", found[4]


def nearest(uses: str, names: set[str]) -> str | None:
    """Return the name that a text was probably meant to be.

    A wrong version, a slash and capitals do not count; a function's name is enough, also behind a wrong category.
    """
    import difflib

    wanted = uses.partition("@")[0].replace("/", ".").strip().lower()
    if wanted in names:
        return wanted
    function = wanted.rpartition(".")[2]
    by_function = {name.partition(".")[2]: name for name in sorted(names, reverse=True)}
    if function in by_function:
        return by_function[function]
    near = difflib.get_close_matches(wanted, sorted(names), n=1, cutoff=0.7)
    if near:
        return near[0]
    near = difflib.get_close_matches(function, sorted(by_function), n=1, cutoff=0.75)
    return by_function[near[0]] if near else None
