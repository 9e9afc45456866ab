"""The signature of a block's function: whose each parameter is, and what may be given."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUIRED = inspect.Parameter.empty
"""The default of a parameter that must be given."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, and its default or REQUIRED."""

    name: str
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a block: the engine's (context, variables), the admin's values, the tenant's."""

    context: bool
    variables: bool
    values: tuple[Parameter, ...]
    tenant: tuple[Parameter, ...]


def read_signature(function: Callable[..., Any], runs: str) -> Signature:
    """Read a function's signature; raise ValueError with what has to be written otherwise."""
    found = list(inspect.signature(function).parameters.values())
    for parameter in found:
        _check(parameter)
    positional = [item for item in found if item.kind in _POSITIONAL]
    first = positional[0].name if positional else None
    context, variables = first == "context", first == "variables"
    if runs == "guest":
        if inspect.iscoroutinefunction(function):
            raise ValueError('a guest block is a plain function: write "def", or runs="host"')
        if len(positional) > variables:
            raise ValueError(
                f"the parameter '{positional[variables].name}' is positional: in a guest block all parameters are "
                "the tenant's, so write * before the first (only 'variables' may stand before it)"
            )
    elif variables:
        raise ValueError("a host block can't work on the run's variables; take 'context' first")
    values = positional[1:] if context or variables else positional
    return Signature(
        context=context,
        variables=variables,
        values=tuple(Parameter(item.name, item.default) for item in values),
        tenant=tuple(
            Parameter(item.name, item.default) for item in found if item.kind not in _POSITIONAL
        ),
    )


def _check(parameter: inspect.Parameter) -> None:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise ValueError(
            f"the parameter '{parameter}' takes anything; name each parameter, "
            "or take one of the type dict[str, Any]"
        )
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.annotation is REQUIRED:
        raise ValueError(
            f"the parameter '{parameter.name}' has no type; write {parameter.name}: str"
        )


def read_types(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotations by name, ``return`` among them; raise ValueError when one cannot be read."""
    try:
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception as error:
        raise ValueError(f"its annotations cannot be read: {error}") from error
    if "return" not in hints:
        raise ValueError("the result has no type; write -> and the type after the parameters")
    return hints
