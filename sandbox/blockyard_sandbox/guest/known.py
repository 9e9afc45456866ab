"""The core types and the attributes of each that a stage may read.  What is not listed can't be read.

Left out on purpose, beside the reason:

- ``str.format`` and ``format_map`` walk attributes: the guard of reads gives safe ones instead.
- generators: ``gi_frame`` and its kin lead to frames.
- exceptions: ``obj`` hands out objects behind a failed read, ``with_traceback`` takes tracebacks.
- ``property.fget`` and its kin hand out functions; a function has no public attributes at all.
- classes: ``mro`` and ``register`` belong to the metaclass.
"""

import builtins
import types
from typing import Any

TEXT = """capitalize casefold center count encode endswith expandtabs find index isalnum isalpha isascii
isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower
lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split
splitlines startswith strip swapcase title translate upper zfill"""

BYTES = """capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha isascii
isdigit islower isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix
removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase
title translate upper zfill"""

LIST = "append clear copy count extend index insert pop remove reverse sort"

DICT = "clear copy fromkeys get items keys pop popitem setdefault update values"

FROZENSET = (
    """copy difference intersection isdisjoint issubset issuperset symmetric_difference union"""
)

SET = (
    FROZENSET
    + """ add clear difference_update discard intersection_update pop remove
symmetric_difference_update update"""
)

INTEGER = """as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag is_integer numerator
real to_bytes"""

_EMPTY: dict[str, str] = {}

_TYPES: tuple[tuple[type[Any], str], ...] = (
    (object, ""),
    (str, TEXT),
    (bytes, BYTES),
    (bytearray, BYTES + " append clear copy extend insert pop remove reverse"),
    (int, INTEGER),
    (bool, INTEGER),
    (float, "as_integer_ratio conjugate fromhex hex imag is_integer real"),
    (complex, "conjugate imag real"),
    (list, LIST),
    (tuple, "count index"),
    (dict, DICT),
    (set, SET),
    (frozenset, FROZENSET),
    (range, "count index start stop step"),
    (slice, "indices start stop step"),
    (type(None), ""),
    (type(...), ""),
    (type(NotImplemented), ""),
    (type(_EMPTY.keys()), "isdisjoint"),
    (type(_EMPTY.values()), ""),
    (type(_EMPTY.items()), "isdisjoint"),
    (property, "deleter getter setter"),  # the decorators of a class body
    (staticmethod, ""),
    (classmethod, ""),
    (enumerate, ""),
    (filter, ""),
    (map, ""),
    (reversed, ""),
    (zip, ""),
    (types.GeneratorType, "close send throw"),
)

_EXCEPTIONS: tuple[tuple[str, str], ...] = (
    ("BaseException", ""),
    ("AttributeError", "name"),
    ("ImportError", "name msg"),
    ("NameError", "name"),
    ("OSError", "errno strerror filename"),
    ("StopIteration", "value"),
    ("SyntaxError", "msg lineno offset text"),
    ("SystemExit", "code"),
    ("UnicodeDecodeError", "encoding end reason start"),
    ("UnicodeEncodeError", "encoding end reason start"),
    ("UnicodeTranslateError", "encoding end reason start"),
    *(
        (name, "")
        for name in [
            "ArithmeticError",
            "AssertionError",
            "BufferError",
            "BytesWarning",
            "DeprecationWarning",
            "EOFError",
            "Exception",
            "FileExistsError",
            "FileNotFoundError",
            "FloatingPointError",
            "FutureWarning",
            "GeneratorExit",
            "IndexError",
            "KeyError",
            "KeyboardInterrupt",
            "LookupError",
            "MemoryError",
            "ModuleNotFoundError",
            "NotImplementedError",
            "OverflowError",
            "PermissionError",
            "RecursionError",
            "ReferenceError",
            "RuntimeError",
            "RuntimeWarning",
            "StopAsyncIteration",
            "TimeoutError",
            "ConnectionError",
            "InterruptedError",
            "IndentationError",
            "TabError",
            "SyntaxWarning",
            "SystemError",
            "TypeError",
            "UnboundLocalError",
            "UnicodeError",
            "UserWarning",
            "ValueError",
            "Warning",
            "ZeroDivisionError",
        ]
    ),
)


def core_types() -> dict[type, frozenset[str]]:
    """Return the table of the builtin types."""
    table = {kind: frozenset(names.split()) for kind, names in _TYPES}
    table.update(
        {
            getattr(builtins, name): frozenset([*names.split(), "args", "add_note"])
            for name, names in _EXCEPTIONS
        }
    )
    return table


def exceptions() -> dict[str, type]:
    """Return the exception classes that a stage has by name.

    Without ExceptionGroup: RestrictedPython's CVE-2025-22153 was a confusion of types in ``except*``.
    """
    names = [name for name, _ in _EXCEPTIONS]
    found = {name: getattr(builtins, name) for name in names}
    return found | {"EnvironmentError": OSError, "IOError": OSError}


def core_bases() -> set[type]:
    """Return the builtin classes that a stage's classes may build upon."""
    return {object, dict, list, set, frozenset, tuple, str, int, float, *exceptions().values()}
