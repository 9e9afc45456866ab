"""kv.get, kv.set, kv.delete and kv.list: the keys of one tenant, which its runs share."""

from __future__ import annotations

from typing import Any

from blockyard_blocks import UNSET, Context, Example, block
from blockyard_platform.host_blocks.stores.keys import MISSING, Keys


@block(name="get", tags={"kv"}, runs="host", examples=[Example({"key": "a", "default": 0}, 0)])
def get(context: Context, *, key: str, default: Any = None) -> Any:
    """Return the value of a key of this tenant.

    - key: its name
    - default: what stands for a key that is not there, or has expired
    """
    value = Keys.of(context).get(key)
    return default if value is MISSING else value


@block(
    name="set",
    tags={"kv"},
    runs="host",
    keeps=True,
    examples=[Example({"key": "seen/2026", "value": [1], "ttl": 3600.0, "if_missing": True}, True)],
)
def set_(
    context: Context,
    *,
    key: str,
    value: Any,
    ttl: float | None = None,
    if_equals: Any = UNSET,
    if_missing: bool = False,
) -> bool:
    """Set a key of this tenant at once for all its runs; return whether it was set.

    - key: its name, up to 255 of letters, digits and _.:/@-
    - value: plain data, up to 1 MiB as JSON
    - ttl: seconds after which it is gone; without them it stays
    - if_equals: set it only when this is its value
    - if_missing: set it only when it is not there; with if_equals, either will do
    """
    return Keys.of(context).set(key, value, ttl, _expected(if_equals, if_missing))


@block(name="delete", tags={"kv"}, runs="host", examples=[Example({"key": "a"}, False)])
def delete(context: Context, *, key: str, if_equals: Any = UNSET) -> bool:
    """Delete a key of this tenant; return whether it was there.

    - key: its name
    - if_equals: delete it only when this is its value
    """
    return Keys.of(context).delete(key, _expected(if_equals, missing=False))


@block(name="list", tags={"kv"}, runs="host", examples=[Example({"prefix": "seen/"}, [])])
def list_(context: Context, *, prefix: str = "", after: str = "", limit: int = 100) -> list[str]:
    """Return keys of this tenant, sorted.

    - prefix: what they begin with
    - after: the last key of the list before
    - limit: how many at most, 1 to 1000
    """
    return Keys.of(context).names(prefix, after, limit)


def _expected(value: Any, missing: bool) -> list[Any] | None:
    """Return the values that a key may have; ``None`` when any will do."""
    found = [] if value is UNSET else [value]
    if missing:
        found.append(MISSING)
    return found or None
