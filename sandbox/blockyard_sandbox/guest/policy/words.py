"""The names that decide, and the words that refuse."""

import ast
import difflib
from collections.abc import Iterable

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

METHODS = frozenset(
    # A class of the user's may say how its own objects behave.  Not here, since they hook into what guards or
    # the interpreter do behind the user's back: __getattr__, __getattribute__, __setattr__, __delattr__,
    # __del__, __class__, __new__, __get__, __set__, __delete__, __set_name__, __init_subclass__,
    # __class_getitem__, __format__, __reduce__, __reduce_ex__, __copy__, __deepcopy__, __getstate__,
    # __setstate__, __getnewargs__, __dir__, __instancecheck__, __mro_entries__, __buffer__, __await__.
    [
        "__init__",
        "__post_init__",
        "__repr__",
        "__str__",
        "__bytes__",
        "__hash__",
        "__bool__",
        "__call__",
        "__enter__",
        "__exit__",
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__len__",
        "__iter__",
        "__next__",
        "__reversed__",
        "__contains__",
        "__getitem__",
        "__setitem__",
        "__delitem__",
        "__missing__",
        "__add__",
        "__radd__",
        "__iadd__",
        "__sub__",
        "__rsub__",
        "__isub__",
        "__mul__",
        "__rmul__",
        "__imul__",
        "__matmul__",
        "__rmatmul__",
        "__imatmul__",
        "__truediv__",
        "__rtruediv__",
        "__itruediv__",
        "__floordiv__",
        "__rfloordiv__",
        "__ifloordiv__",
        "__mod__",
        "__rmod__",
        "__imod__",
        "__divmod__",
        "__rdivmod__",
        "__pow__",
        "__rpow__",
        "__ipow__",
        "__lshift__",
        "__rlshift__",
        "__ilshift__",
        "__rshift__",
        "__rrshift__",
        "__irshift__",
        "__and__",
        "__rand__",
        "__iand__",
        "__or__",
        "__ror__",
        "__ior__",
        "__xor__",
        "__rxor__",
        "__ixor__",
        "__neg__",
        "__pos__",
        "__abs__",
        "__invert__",
        "__int__",
        "__float__",
        "__complex__",
        "__index__",
        "__round__",
        "__trunc__",
        "__floor__",
        "__ceil__",
    ]
)

SUPER_METHODS = METHODS
"""What ``super()`` may be asked for by a name with underscores: the methods that a class may define."""

RECORD_METHODS = frozenset({"_asdict", "_replace", "_fields", "_make"})
"""The public names of a named tuple that start with an underscore."""

TYPE_NAME = "__name__"

_NODES = {
    "AsyncFunctionDef": "async functions are not available; write it without async and await",
    "Await": "await is not available; write it without async and await",
    "AsyncFor": "async for is not available; write it without async and await",
    "AsyncWith": "async with is not available; write it without async and await",
    "TryStar": "except* is not available; catch one exception at a time with except",
    "TypeAlias": "the type statement is not available; assign the type to a name instead",
    "TypeVar": "type parameters in brackets are not available; use typing.TypeVar",
    "ParamSpec": "type parameters in brackets are not available",
    "TypeVarTuple": "type parameters in brackets are not available",
    "TemplateStr": "template strings are not available; use an f-string",
    "Interpolation": "template strings are not available; use an f-string",
}

_ATTRIBUTES = {
    "__class__": "use type(x)",
    "__dict__": "name the attributes you need",
    "__doc__": "it is not available",
    "__members__": "iterate over the enumeration instead",
}

UNAVAILABLE = {
    "open": "a stage has no files; take what it needs as vars and leave what it makes in result",
    "input": "a stage has nobody to ask; take the value as one of vars",
    "exec": "text can't be run as code",
    "eval": "text can't be run as code; for data use json.loads",
    "compile": "text can't be compiled",
    "globals": "use the names themselves, or a dict",
    "locals": "use the names themselves, or a dict",
    "vars": "name the attributes you need",
    "dir": "name the attributes you need",
    "memoryview": "use bytes or bytearray",
    "breakpoint": "use print",
    "help": "it is not available",
    "exit": "a stage ends by reaching its last line",
    "quit": "a stage ends by reaching its last line",
    "__import__": "use an import statement",
}
"""Builtin names of Python that a stage does not have, and what to do instead."""


def advice_for_node(node: ast.AST) -> str:
    """Return why a kind of statement is refused."""
    name = type(node).__name__
    return _NODES.get(name, f"{name} is not available in a stage")


def advice_for_attribute(name: str) -> str:
    """Return why an attribute's name is refused."""
    if name in INSPECT_ATTRIBUTES:
        return f'".{name}" is not available: it looks into the interpreter'
    what = _ATTRIBUTES.get(name, f'call it "{name.strip("_") or "value"}"')
    return (
        f'".{name}" is not available: attributes that start with an underscore are reserved; {what}'
    )


def advice_for_method(name: str) -> str:
    """Return why a special method's name is refused."""
    return f'the special method "{name}" can\'t be defined here{did_you_mean(name, METHODS)}'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the nearest known word, or nothing."""
    near = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
