"""The decorator: it writes down on a function that it is a block, and leaves it the function that it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, final

_F = TypeVar("_F", bound=Callable[..., Any])

ATTRIBUTE = "__blockyard_block__"
"""The attribute of a function that holds its Declaration."""


@final
class Unset:
    """The type of UNSET."""

    def __repr__(self) -> str:
        """Return the name of the one value."""
        return "UNSET"


UNSET: Final[Any] = Unset()
"""The default of a parameter that may be left out and has no value then; it is not shown in the schema."""


@dataclass(frozen=True, slots=True)
class Example:
    """One use of a block, run by the tests: the arguments and the result.

    ``variables`` are the run's variables before, ``left`` those after (for blocks that work on them).
    ``varies`` says that the result is only one of many (the time of day).
    """

    arguments: Mapping[str, Any]
    result: Any
    variables: Mapping[str, Any] | None = None
    left: Mapping[str, Any] | None = None
    varies: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``@block`` was told; ``name`` is ``None`` where the function's own name holds."""

    name: str | None
    tags: frozenset[str]
    limit: int | None
    runs: Literal["guest", "host"]
    version: str
    private: bool
    keeps: bool
    icon: str | None
    deprecated: str | None
    examples: tuple[Example, ...]


def block(
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    limit: int | None = None,
    runs: Literal["guest", "host"] = "guest",
    version: str = "v1",
    private: bool = False,
    keeps: bool = False,
    icon: str | None = None,
    deprecated: str | None = None,
    example: Example | None = None,
    examples: Iterable[Example] = (),
) -> Callable[[_F], _F]:
    """Declare a function as a block; nothing is registered, a catalog has to take it up.

    The keyword-only parameters of the function are the tenant's, typed by their annotations. A host block may have a
    positional parameter ``context`` first; further positional parameters are filled with the catalog's values.
    A guest block may have one positional parameter ``variables``: the run's variables, which it may change.

    - name: ``function`` or ``category.function``; without it the function's name (less a trailing underscore) in
      the category of its module's name
    - tags: a tenant needs all of them
    - limit: uses per run, at most; a policy may say otherwise
    - runs: ``guest`` (pure, in the jail) or ``host`` (trusted, outside it)
    - private: usable only where the catalog's owner says so, and not listed
    - keeps: what it is given stands where other runs can read it, so that it is given no secret
    - deprecated: what to use instead
    """
    if isinstance(tags, str):
        raise TypeError(f"tags is a collection of texts: write {{{tags!r}}}")
    declaration = Declaration(
        name=name,
        tags=frozenset(tags),
        limit=limit,
        runs=runs,
        version=version,
        private=private,
        keeps=keeps,
        icon=icon,
        deprecated=deprecated,
        examples=(*(() if example is None else (example,)), *examples),
    )

    def declare(function: _F) -> _F:
        setattr(function, ATTRIBUTE, declaration)
        return function

    return declare


def family(tag: str) -> Callable[..., Callable[[_F], _F]]:
    """Return the decorator of a family of guest blocks: its blocks bear the family's name as their tag.

    It takes the examples in order, and ``name`` or ``deprecated`` where they are needed.
    """

    def member(
        *examples: Example, name: str | None = None, deprecated: str | None = None
    ) -> Callable[[_F], _F]:
        return block(name=name, tags={tag}, deprecated=deprecated, examples=examples)

    return member


def declaration_of(value: object) -> Declaration | None:
    """Return what ``@block`` was told of a function; ``None`` for anything else."""
    found = getattr(value, "__dict__", {}).get(ATTRIBUTE)
    return found if isinstance(found, Declaration) else None
