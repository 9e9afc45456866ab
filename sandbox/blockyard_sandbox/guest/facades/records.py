"""Kinds of classes: enum, dataclasses, typing, abc."""

import abc
import dataclasses
import enum
import typing
from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.facades.part import Part, Tools, pick
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.known import INTEGER, TEXT
from blockyard_sandbox.guest.own import is_own, is_own_function

# Left out: get_type_hints evaluates texts; final, overload, runtime_checkable and no_type_check write to what they
# are given, and do nothing at run time that a stage could use.
TYPING = """Annotated Any Callable ClassVar Collection Concatenate Container Counter DefaultDict Deque Dict
Final FrozenSet Generator Generic Hashable Iterable Iterator List Literal Mapping MutableMapping
MutableSequence MutableSet Never NewType NoReturn Optional OrderedDict ParamSpec Protocol Reversible Self
Sequence Set Sized SupportsAbs SupportsFloat SupportsInt TYPE_CHECKING Tuple Type TypeAlias TypeVar TypedDict
Union cast"""

# Left out: make_dataclass makes classes from texts.
DATACLASSES = """FrozenInstanceError InitVar KW_ONLY MISSING asdict astuple field fields is_dataclass replace"""


class StageEnumType(enum.EnumType):
    """The metaclass of a stage's enumerations."""

    def __call__(cls, value: Any, *names: Any, **options: Any) -> Any:
        """Look a member up; making an enumeration from texts is refused: any method name could be among them."""
        if names or options or not cls.__members__:
            raise RestrictedCodeError("make an enumeration with a class statement")
        return super().__call__(value)


class Enum(enum.Enum, metaclass=StageEnumType):
    """An enumeration."""


class IntEnum(enum.IntEnum, metaclass=StageEnumType):
    """An enumeration whose members are whole numbers."""


class StrEnum(enum.StrEnum, metaclass=StageEnumType):
    """An enumeration whose members are texts."""


class Flag(enum.Flag, metaclass=StageEnumType):
    """An enumeration whose members can be combined."""


class IntFlag(enum.IntFlag, metaclass=StageEnumType):
    """A flag whose members are whole numbers."""


def make_dataclass_decorator(adopt: Callable[[type], type]) -> Callable[..., Any]:
    """Return ``dataclass``, for classes of the stage's own alone: it writes to the class it is given."""

    def dataclass(kind: Any = None, /, **options: Any) -> Any:
        def decorate(target: Any) -> Any:
            if not is_own(target):
                raise RestrictedCodeError("dataclass takes a class that the stage made")
            return adopt(dataclasses.dataclass(**options)(target))

        return decorate if kind is None else decorate(kind)

    return dataclass


def abstract_method(function: Any) -> Any:
    """Mark a function of the stage as abstract."""
    if is_own_function(function):
        function.__isabstractmethod__ = True
    return function


def cast(kind: Any, value: Any) -> Any:
    """Return the value."""
    return value


def part(tools: Tools) -> Part:
    """Build the facades of kinds of classes."""
    enums: dict[str, Any] = {
        kind.__name__: kind for kind in (Enum, IntEnum, StrEnum, Flag, IntFlag)
    }
    named: Any = typing.NamedTuple
    typed: Any = typing.TypedDict
    return Part(
        {
            "enum": {**enums, "auto": enum.auto, "unique": enum.unique},
            "dataclasses": {
                **pick(dataclasses, DATACLASSES),
                "dataclass": make_dataclass_decorator(tools.adopt),
            },
            "typing": {**pick(typing, TYPING), "cast": cast, "NamedTuple": NamedTupleForm()},
            "abc": {"ABC": abc.ABC, "abstractmethod": abstract_method},
        },
        (
            *((kind, "name value") for kind in (enum.Enum, enum.Flag, enum.ReprEnum, Enum, Flag)),
            *((kind, f"name value {INTEGER}") for kind in (enum.IntEnum, enum.IntFlag)),
            *((kind, f"name value {INTEGER}") for kind in (IntEnum, IntFlag)),
            *((kind, f"name value {TEXT}") for kind in (enum.StrEnum, StrEnum)),
            (enum.auto, ""),
            (dataclasses.FrozenInstanceError, "add_note args"),
            (dataclasses.Field, "default name type"),
            (abc.ABC, ""),
            (typing.cast(type, typing.Generic), ""),
            (typing.cast(type, typing.Protocol), ""),
        ),
        (
            *enums.values(),
            abc.ABC,
            typing.cast(type, typing.Generic),
            typing.cast(type, typing.Protocol),
            *named.__mro_entries__((named,)),
            *typed.__mro_entries__((typed,)),
        ),
    )


class NamedTupleForm:
    """``typing.NamedTuple`` as a base class; without its form as a call, which ``collections.namedtuple`` serves."""

    __slots__ = ()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> Any:
        """Give the class statement the real base."""
        form: Any = typing.NamedTuple
        return form.__mro_entries__((form,))

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse, and say what to do."""
        raise RestrictedCodeError("use a class statement, or collections.namedtuple")
