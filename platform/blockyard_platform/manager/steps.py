"""Steps: from what a task names (a function, a class, ``module:name``) to what can be called."""

from __future__ import annotations

import importlib
import inspect
import pickle
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from blockyard_platform.manager.actions import Context, Options, options_of
from blockyard_platform.manager.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable

_OFFERED = ("initial_context", "previous_context")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to call: a function, or one method of a class, with the parameters that it takes."""

    target: Callable[..., Any]
    method: str | None
    takes: frozenset[str]
    made_with: frozenset[str]
    options: Options
    is_async: bool

    def call(self, initial: Context, previous: Context) -> Any:
        """Call it; of a class a new instance is made. A coroutine function's coroutine is returned."""
        offered = {"initial_context": initial, "previous_context": previous}
        function = self.target
        if self.method is not None:
            function = getattr(function(**_chosen(offered, self.made_with)), self.method)
        return function(**_chosen(offered, self.takes))

    def check_portable(self, task: str) -> None:
        """Raise StepError unless another process can find what is to be called."""
        try:
            pickle.dumps(self.target)
        except (pickle.PicklingError, AttributeError, TypeError):
            raise StepError(
                f"the task '{task}' is run in a process of its own, which cannot find {_title(self.target)}:"
                " define it at the top of a module, or choose another mode and no timeout"
            ) from None


def _chosen(offered: dict[str, Context], takes: frozenset[str]) -> dict[str, Context]:
    return {name: it for name, it in offered.items() if name in takes}


def load(name: str) -> Any:
    """Import what ``module:name`` or ``module.name`` names; raise StepError when there is none."""
    module, _, attribute = name.partition(":") if ":" in name else name.rpartition(".")
    if not module or not attribute:
        raise StepError(f"{name[:80]!r} names no step: write module:function")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise StepError(f"the module of the step {name!r} cannot be imported: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise StepError(f"the module {module} has no '{attribute}'")
        found = getattr(found, part)
    return found


def steps_of(given: Any) -> list[Step]:
    """Return the steps of a callable or its name: one, or of a class those of its methods that are marked, in their order."""
    target = load(given) if isinstance(given, str) else given
    if inspect.isclass(target):
        return _steps_of_class(target)
    if not callable(target):
        raise StepError(
            f"{str(target)[:80]!r} cannot be called: a step is a function, a class or module:name"
        )
    options = options_of(target) or Options()
    return [_step(target, None, target, frozenset(), options)]


def _steps_of_class(target: type) -> list[Step]:
    """Return the marked methods in the order in which they are written, those of bases first."""
    methods: dict[str, Options] = {}
    for each in reversed(target.__mro__):
        for name, member in vars(each).items():
            options = options_of(member)
            if options is not None and not inspect.isclass(member):
                methods[name] = options
    if not methods:
        raise StepError(f"no method of the class {target.__qualname__} is marked with @action")
    made_with = _parameters(target, target)
    return [
        _step(target, name, getattr(target, name), made_with, it) for name, it in methods.items()
    ]


def _step(
    target: Any, method: str | None, function: Any, made_with: frozenset[str], options: Options
) -> Step:
    takes = _parameters(function, function, skip=int(method is not None))
    return Step(target, method, takes, made_with, options, _gives_coroutine(function))


def _gives_coroutine(function: Any) -> bool:
    """Whether a call gives a coroutine, also that of an object whose ``__call__`` is a coroutine function."""
    if type(function) is FunctionType:
        return bool(function.__code__.co_flags & inspect.CO_COROUTINE)
    called = function.__call__ if hasattr(function, "__call__") else None  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _parameters(function: Any, shown: Any, skip: int = 0) -> frozenset[str]:
    """Return which of the offered parameters are taken; raise StepError when others must be given."""
    if type(function) is FunctionType and _takes_nothing(function, skip):
        return frozenset()
    try:
        found = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return frozenset()
    takes = {it.name for it in found if it.name in _OFFERED and it.kind is not it.POSITIONAL_ONLY}
    if any(it.kind is it.VAR_KEYWORD for it in found):
        takes = set(_OFFERED)
    for each in found:
        needed = each.default is each.empty and each.kind not in (
            each.VAR_POSITIONAL,
            each.VAR_KEYWORD,
        )
        if needed and each.name not in takes:
            raise StepError(
                f"{_title(shown)} takes '{each.name}': a step is offered initial_context and previous_context"
            )
    return frozenset(takes)


def _takes_nothing(function: FunctionType, skip: int) -> bool:
    """Whether it has no parameter at all: asked first, because a signature takes many times as long to be read."""
    code = function.__code__
    wild = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    plain = not code.co_flags & wild and not hasattr(function, "__wrapped__")
    return plain and code.co_argcount <= skip and not code.co_kwonlyargcount


def _title(target: Any) -> str:
    return str(getattr(target, "__qualname__", None) or type(target).__qualname__)
