"""Functions on functions: functools, operator, contextlib.

Left out of functools: ``singledispatch`` evaluates annotations that are texts, outside the checked language;
``update_wrapper`` reads and writes attributes by any name; ``partialmethod`` serves nobody here.
Left out of operator: ``methodcaller`` calls methods by any name; ``setitem``, ``delitem`` and the in-place operators write
without the guard.  Left out of contextlib: ``redirect_stdout`` takes over the log, ``ExitStack`` hands out tracebacks.
"""

import contextlib
import functools
import operator
import types
from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.facades.part import Part, Tools, pick
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.own import is_own, is_own_function

OPERATOR = """abs add and_ concat contains countOf eq floordiv ge getitem gt index indexOf inv invert is_
is_not itemgetter le length_hint lshift lt matmul mod mul ne neg not_ or_ pos pow rshift sub truediv truth
xor"""


def wraps(wrapped: Any) -> Callable[[Any], Any]:
    """Give a decorator's inner function the name of the outer one."""
    name = wrapped.__name__ if isinstance(wrapped, types.FunctionType | type) else None

    def decorate(wrapper: Any) -> Any:
        if name is not None and is_own_function(wrapper):
            wrapper.__name__ = wrapper.__qualname__ = name
        return wrapper

    return decorate


def total_ordering(kind: Any) -> Any:
    """Fill in the comparisons of a class of the stage's own."""
    if not is_own(kind):
        raise RestrictedCodeError("total_ordering takes a class that the stage made")
    return functools.total_ordering(kind)


def make_attrgetter(read: Callable[[Any, Any], Any]) -> Callable[..., Callable[[Any], Any]]:
    """Return ``attrgetter``, whose reads, dotted ones too, are guarded."""

    def attrgetter(*names: str) -> Callable[[Any], Any]:
        if not names or any(type(name) is not str for name in names):
            raise TypeError("attrgetter takes one or more names")
        paths = [name.split(".") for name in names]

        def get(value: Any, /) -> Any:
            found = [functools.reduce(read, path, value) for path in paths]
            return found[0] if len(found) == 1 else tuple(found)

        return get

    return attrgetter


def part(tools: Tools) -> Part:
    """Build the facades of functions."""
    cached = type(functools.lru_cache(len))
    return Part(
        {
            "functools": {
                **pick(functools, "cache cached_property cmp_to_key lru_cache partial reduce"),
                "wraps": wraps,
                "total_ordering": total_ordering,
            },
            "operator": {**pick(operator, OPERATOR), "attrgetter": make_attrgetter(tools.read)},
            "contextlib": pick(contextlib, "closing contextmanager nullcontext suppress"),
        },
        (
            (functools.partial, ""),
            (functools.cached_property, ""),
            (cached, "cache_clear cache_info"),
            (
                type(functools.lru_cache(len).cache_info()),
                "count currsize hits index maxsize misses",
            ),
            (operator.itemgetter, ""),
            (contextlib.closing, ""),
            (contextlib.nullcontext, ""),
            (contextlib.suppress, ""),
        ),
    )
