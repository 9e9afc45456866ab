"""Variable: values that belong to the run, which later stages may read and change."""

from typing import Any

from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.families.math_numbers import Number, finite
from blockyard_blocks.plain import is_list, is_number

variable_block = family("variable")


@variable_block(Example({"name": "n", "value": 3}, None, {}, {"n": 3}))
def set_(variables: dict[str, Any], *, name: str, value: Any = None) -> None:
    """Set a variable, whether it is there or not.

    - name: its name
    - value: its value
    """
    variables[name] = value


@variable_block(Example({"name": "n"}, None, {}, {"n": None}))
def create(variables: dict[str, Any], *, name: str, value: Any = None) -> None:
    """Make a new variable; one of this name must not be there yet.

    - name: its name
    - value: its value
    """
    if name in variables:
        raise ValueError(f"there is a variable '{name[:80]}' already; variable.set changes it")
    variables[name] = value


@variable_block(
    Example({"name": "n"}, 3, {"n": 3}), Example({"name": "x", "default": 0}, 0, {}, {})
)
def get(variables: dict[str, Any], *, name: str, default: Any = UNSET) -> Any:
    """Return the value of a variable.

    - name: its name
    - default: what to return when it is not there; without it that is an error
    """
    value = variables.get(name, default)
    if value is UNSET:
        raise ValueError(f"{_missing(name)}; give a default")
    return value


@variable_block(Example({"name": "n"}, True, {"n": 3}, {}), Example({"name": "n"}, False, {}, {}))
def delete(variables: dict[str, Any], *, name: str, silent: bool = True) -> bool:
    """Take a variable away, and tell whether it was there.

    - name: its name
    - silent: one that is not there is no error
    """
    if name not in variables:
        if not silent:
            raise ValueError(_missing(name))
        return False
    del variables[name]
    return True


def _missing(name: str) -> str:
    return f"there is no variable '{name[:80]}'"


@variable_block(Example({}, ["a", "b"], {"a": 1, "b": 2}))
def names(variables: dict[str, Any]) -> list[str]:
    """Return the names of all variables, in the order in which they were made."""
    return list(variables)


@variable_block(Example({}, [1, 2], {"a": 1, "b": 2}))
def values(variables: dict[str, Any]) -> list[Any]:
    """Return the values of all variables, in the order in which they were made."""
    return list(variables.values())


@variable_block(Example({}, {"a": 1}, {"a": 1}))
def all_(variables: dict[str, Any]) -> dict[str, Any]:
    """Return all variables with their values."""
    return dict(variables)


@variable_block(Example({"name": "n"}, True, {"n": None}))
def exists(variables: dict[str, Any], *, name: str) -> bool:
    """Tell whether there is a variable of a name.

    - name: the name
    """
    return name in variables


@variable_block(Example({}, 2, {"a": 1, "b": 2}))
def count(variables: dict[str, Any]) -> int:
    """Count the variables."""
    return len(variables)


@variable_block(
    Example({"name": "n"}, 4, {"n": 3}, {"n": 4}), Example({"name": "n", "by": 2}, 2, {}, {"n": 2})
)
def increment(variables: dict[str, Any], *, name: str, by: Number = 1) -> Number:
    """Add to a variable, and return what it is then.

    - name: its name; one that is not there counts as 0
    - by: what to add
    """
    value = variables.get(name, 0)
    if not is_number(value):
        raise ValueError(f"the variable '{name[:80]}' is not a number")
    variables[name] = finite(value + by)
    return value + by


@variable_block(Example({"name": "l", "item": 2}, [1, 2], {"l": [1]}, {"l": [1, 2]}))
def append(variables: dict[str, Any], *, name: str, item: Any) -> list[Any]:
    """Add an item to the end of a variable that is a list, and return the list.

    - name: its name; one that is not there counts as an empty list
    - item: the item to add
    """
    value = variables.get(name, [])
    if not is_list(value):
        raise ValueError(f"the variable '{name[:80]}' is not a list")
    variables[name] = [*value, item]
    return [*value, item]
