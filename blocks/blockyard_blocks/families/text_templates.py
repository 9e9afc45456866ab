"""Text: filling values into texts, by look-up and nothing else."""

import re
from typing import Any

from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.families.text_shape import create
from blockyard_blocks.plain import is_dict, is_list

text_block = family("text")

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@text_block(
    Example({"template": "Dear {name},", "values": {"name": "Ann"}}, "Dear Ann,"),
    Example({"template": "{rows.0.n} of {{n}}", "values": {"rows": [{"n": 3}]}}, "3 of {n}"),
)
def format_(*, template: str, values: dict[str, Any], default: str = UNSET) -> str:
    """Fill values into the fields of a text: ``{name}`` or ``{rows.0.name}``; ``{{`` stands for a brace.

    - template: the text with its fields
    - values: the values by name; one that is no text is put in as JSON
    - default: what to put in when there is no such value; without it that is an error
    """

    def fill(match: re.Match[str]) -> str:
        found = match[0]
        if found in ("{{", "}}"):
            return found[0]
        if match[1] is None:
            raise ValueError(
                f"a single {found} at character {match.start()}; write {found * 2} for a brace"
            )
        value = look_up(values, match[1].strip())
        if value is UNSET:
            value = default
        if value is UNSET:
            raise ValueError(
                f"there is no value '{match[1].strip()}'; there are: {', '.join(values)}"
            )
        return create(value=value)

    return _FIELD.sub(fill, template)


def look_up(values: Any, path: str) -> Any:
    """Return the value at a path of keys and indexes with dots between them, or UNSET."""
    found = values
    for part in path.split("."):
        if is_dict(found) and part in found:
            found = found[part]
        elif is_list(found) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return UNSET
    return found
