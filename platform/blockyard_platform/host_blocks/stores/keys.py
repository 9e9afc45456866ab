"""Keys and values of one tenant, which all its runs share: what a key and a value may be, and how one is replaced.

Where they lie is a shelf's: a file of the tenant's own on one machine, the service's database where workers on several share them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.stores.places import granted, tenant_folder
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Protocol

    from blockyard_blocks import Context

    class Shelf(Protocol):
        """The keys of a tenant in one transaction. What has expired by ``now`` is not there."""

        def read(self, key: str, now: float) -> str | None:
            """Return the text of a value."""
            ...

        def remove(self, key: str) -> bool:
            """Take a key away; return whether it was there."""
            ...

        def size(self) -> int:
            """Return the bytes of all keys, once what has expired is swept."""
            ...

        def add(self, key: str, text: str, size: int, expires: float | None) -> None:
            """Add a key that is not there."""
            ...

        def sweep(self, now: float) -> None:
            """Take away what has expired."""
            ...

        def names(self, prefix: str, after: str, most: int, now: float) -> list[str]:
            """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
            ...

    Opened = Callable[[bool], AbstractContextManager[Shelf]]
    """Opens a shelf: for writing, alone. It is done when the context ends without an error, and undone otherwise."""

MOST_BYTES: Final = 1024 * 1024
"""Bytes of one value as JSON."""

MOST_KEYS: Final = 1_000
"""Keys of one list."""

MISSING: Final = object()
"""Stands for the value of a key that is not there."""

_ROW: Final = 64
"""Bytes that a key takes beside its name and its value, as the quota counts."""

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,254}")
_PREFIX = re.compile(r"[A-Za-z0-9_.:/@-]{0,255}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a tenant on a shelf, within so many bytes; its methods block, and raise StageFailureError."""

    opened: Opened
    quota: int

    @staticmethod
    def of(context: Context) -> Keys:
        """Return the keys of a run's tenant; the policy has to give it some."""
        quota = granted(context.policy.kv.quota_mib, "kv")
        if context.keys is not None:
            return Keys(context.keys, quota)
        from blockyard_platform.host_blocks.stores.key_file import opened

        return Keys(partial(opened, tenant_folder(context)), quota)

    def get(self, key: str) -> Any:
        """Return a value, or MISSING."""
        _check(key)
        with self.opened(False) as shelf:
            return _value(shelf, key, time())

    def set(self, key: str, value: Any, seconds: float | None, expected: Any = None) -> bool:
        """Set a value, for some seconds or for good; with what is ``expected`` in a list, only when that is there."""
        _check(key)
        text = _text(value)
        size = len(key) + len(text.encode()) + _ROW
        if seconds is not None and not 0 < seconds < 1e10:
            raise fail(Code.INVALID_ARGUMENT, "ttl must be more than 0 seconds")
        with self.opened(True) as shelf:
            now = time()
            shelf.sweep(now)
            if not _as_expected(shelf, key, expected, now):
                return False
            shelf.remove(key)
            if shelf.size() + size > self.quota:
                message = f"the tenant's keys would exceed {self.quota} bytes in all (kv.quota_mib)"
                raise fail(Code.FILE_SIZE_LIMIT, message)
            shelf.add(key, text, size, None if seconds is None else now + seconds)
        return True

    def delete(self, key: str, expected: Any = None) -> bool:
        """Delete a key, as set replaces it; return whether it was there, and as expected."""
        _check(key)
        with self.opened(True) as shelf:
            now = time()
            shelf.sweep(now)
            return _as_expected(shelf, key, expected, now) and shelf.remove(key)

    def names(self, prefix: str, after: str, most: int) -> list[str]:
        """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
        if not _PREFIX.fullmatch(prefix) or not _PREFIX.fullmatch(after):
            raise fail(Code.INVALID_ARGUMENT, "prefix and after hold what keys hold")
        if not 1 <= most <= MOST_KEYS:
            raise fail(Code.INVALID_ARGUMENT, f"limit must be from 1 to {MOST_KEYS}")
        with self.opened(False) as shelf:
            return shelf.names(prefix, after, most, time())


def _value(shelf: Shelf, key: str, now: float) -> Any:
    text = shelf.read(key, now)
    return MISSING if text is None else json.loads(text)


def _as_expected(shelf: Shelf, key: str, expected: Any, now: float) -> bool:
    """Tell whether a key has one of the values; 1, 1.0 and true are three."""
    if expected is None:
        return True
    found = _value(shelf, key, now)
    return any(
        each is found
        or (each is not MISSING and found is not MISSING and _same(each) == _same(found))
        for each in expected
    )


def _same(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        message = f"{key[:60]!a} is no key; one has up to 255 letters, digits and _.:/@- in ASCII"
        raise fail(Code.INVALID_ARGUMENT, message)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text.encode()) > MOST_BYTES:
        raise fail(Code.FILE_SIZE_LIMIT, f"a value is at most {MOST_BYTES} bytes as JSON")
    return text
