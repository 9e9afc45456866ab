"""JSON: reading and writing texts."""

import json
from collections import Counter
from typing import Any

from blockyard_blocks.declaring import Example, family

json_block = family("json")


@json_block(Example({"text": '{"a": [1, 2.5, null]}'}, {"a": [1, 2.5, None]}))
def parse(*, text: str) -> Any:
    """Read a JSON text (RFC 8259); a key that comes twice, NaN and infinite numbers are errors.

    - text: the JSON text
    """
    return _read(text)


def _read(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_members, parse_constant=_no_constant, parse_float=_number
        )
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key '{twice[:80]}' comes twice in one object")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


@json_block(
    Example({"value": {"b": 1, "a": "é"}}, '{"b":1,"a":"é"}'),
    Example({"value": [1], "indent": 2}, "[\n  1\n]"),
)
def format_(
    *,
    value: Any,
    indent: int | None = None,
    sort_keys: bool = False,
    ascii: bool = False,  # noqa: A002
) -> str:
    """Write a value as JSON.

    - value: the value
    - indent: so many spaces a level, on lines of their own (0 to 16); without it all on one line
    - sort_keys: keys in order
    - ascii: write other characters as escapes
    """
    if indent is not None and not 0 <= indent <= 16:
        raise ValueError("indent must be from 0 to 16")
    return json.dumps(
        value,
        indent=indent,
        sort_keys=sort_keys,
        ensure_ascii=ascii,
        separators=(",", ":") if indent is None else None,
    )


@json_block(Example({"text": "[1,"}, False))
def is_valid(*, text: str) -> bool:
    """Tell whether a text is JSON.

    - text: the text
    """
    try:
        _read(text)
    except ValueError:
        return False
    return True


@json_block(Example({"text": '{"a":1}\n\n[2]\n'}, [{"a": 1}, [2]]))
def parse_lines(*, text: str) -> list[Any]:
    """Read a text with one JSON value a line; empty lines are passed over.

    - text: the text
    """
    values: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(_read(line))
            except ValueError as error:
                raise ValueError(f"line {number} of the text: {error}") from None
    return values


@json_block(Example({"values": [{"a": 1}, [2]]}, '{"a":1}\n[2]\n'))
def format_lines(*, values: list[Any]) -> str:
    """Write each value as JSON on a line of its own.

    - values: the values
    """
    return "".join(format_(value=value) + "\n" for value in values)
