"""Text: joining, splitting, and changing the shape of texts."""

import json
import textwrap
import unicodedata
from typing import Any, Literal

from blockyard_blocks.declaring import Example, family

text_block = family("text")

LONGEST = 50_000_000
"""No text that is made by repeating or padding may have more characters."""


@text_block(Example({"value": 12}, "12"), Example({"value": [True, None]}, "[true,null]"))
def create(*, value: Any) -> str:
    """Return any value as text: a text as it is, all else as JSON.

    - value: the value
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@text_block(Example({"items": ["a", "b"], "separator": "-"}, "a-b"))
def join(*, items: list[str], separator: str = "") -> str:
    """Join texts into one.

    - items: the texts, in order
    - separator: what stands between two of them
    """
    return separator.join(items)


@text_block(Example({"first": "Hello", "second": "World"}, "Hello World"))
def concat(*, first: str, second: str, separator: str = " ") -> str:
    """Join two texts into one.

    - first: the text that begins
    - second: the text that ends
    - separator: what stands between them
    """
    return first + separator + second


@text_block(
    Example({"text": "a, b, c", "separator": ", "}, ["a", "b", "c"]),
    Example({"text": " a  b c", "limit": 1}, ["a", "b c"]),
)
def split(*, text: str, separator: str | None = None, limit: int | None = None) -> list[str]:
    """Split a text at a separator.

    - text: the text
    - separator: where to split; without it at white space, of which none is kept
    - limit: at most so many splits, from the left
    """
    return text.split(separator, -1 if limit is None else limit)


@text_block(Example({"text": "a\nb\r\nc"}, ["a", "b", "c"]))
def split_lines(*, text: str, keep_ends: bool = False) -> list[str]:
    """Split a text into its lines.

    - text: the text
    - keep_ends: keep the line ends
    """
    return text.splitlines(keep_ends)


@text_block(Example({"text": "abc"}, ["a", "b", "c"]))
def split_characters(*, text: str) -> list[str]:
    """Split a text into its characters.

    - text: the text
    """
    return list(text)


@text_block(Example({"text": "Two  words"}, ["Two", "words"]))
def words(*, text: str) -> list[str]:
    """Return the words of a text: what stands between white space.

    - text: the text
    """
    return text.split()


@text_block(Example({"text": "  a "}, "a"), Example({"text": "--a-", "characters": "-"}, "a"))
def strip(
    *,
    text: str,
    characters: str | None = None,
    side: Literal["both", "left", "right"] = "both",
) -> str:
    """Take characters away from the ends of a text.

    - text: the text
    - characters: which ones; without it white space
    - side: the end to work on
    """
    if side == "left":
        return text.lstrip(characters)
    return text.rstrip(characters) if side == "right" else text.strip(characters)


@text_block(Example({"text": "Hello"}, "HELLO"))
def upper(*, text: str) -> str:
    """Return a text in capital letters.

    - text: the text
    """
    return text.upper()


@text_block(Example({"text": "Hello"}, "hello"))
def lower(*, text: str) -> str:
    """Return a text in small letters.

    - text: the text
    """
    return text.lower()


@text_block(Example({"text": "hello big world"}, "Hello Big World"))
def title(*, text: str) -> str:
    """Return a text with each word in a capital.

    - text: the text
    """
    return text.title()


@text_block(Example({"text": "hello WORLD"}, "Hello world"))
def capitalize(*, text: str) -> str:
    """Return a text with its first letter as a capital and all others small.

    - text: the text
    """
    return text.capitalize()


@text_block(Example({"text": "a-b-c", "old": "-", "new": "+", "count": 1}, "a+b-c"))
def replace(*, text: str, old: str, new: str, count: int | None = None) -> str:
    """Replace a piece of a text by another.

    - text: the text
    - old: the piece to replace
    - new: what to put in its place
    - count: at most so many, from the left
    """
    return text.replace(old, new, -1 if count is None else count)


@text_block(Example({"text": "ab", "count": 3}, "ababab"))
def repeat(*, text: str, count: int, separator: str = "") -> str:
    """Repeat a text.

    - text: the text
    - count: how often
    - separator: what stands between two of them
    """
    if count * (len(text) + len(separator)) > LONGEST:
        raise ValueError(
            f"the text would have more than {LONGEST} characters; repeat it less often"
        )
    return separator.join([text] * count)


@text_block(Example({"text": "abc"}, "cba"))
def reverse(*, text: str) -> str:
    """Return a text from its end to its beginning.

    - text: the text
    """
    return text[::-1]


@text_block(Example({"text": "7", "width": 3, "fill": "0", "side": "left"}, "007"))
def pad(
    *, text: str, width: int, fill: str = " ", side: Literal["left", "right", "both"] = "right"
) -> str:
    """Fill a text up to a width.

    - text: the text
    - width: the number of characters to reach; a longer text stays as it is
    - fill: the one character to fill with
    - side: where to fill
    """
    if len(fill) != 1:
        raise ValueError(f"fill must be one character, not {len(fill)}")
    if width > LONGEST:
        raise ValueError(f"the width is {width}; at most {LONGEST} can be filled")
    if side == "left":
        return text.rjust(width, fill)
    return text.center(width, fill) if side == "both" else text.ljust(width, fill)


@text_block(Example({"text": "a long sentence", "length": 8}, "a lon..."))
def truncate(*, text: str, length: int, ending: str = "...") -> str:
    """Cut a text that is too long.

    - text: the text
    - length: the number of characters that may stay, the ending among them
    - ending: what shows that something is gone
    """
    if length < len(ending):
        raise ValueError(f"length is {length}, and the ending alone takes {len(ending)}")
    return text if len(text) <= length else text[: length - len(ending)] + ending


@text_block(Example({"text": "one two three", "width": 8}, ["one two", "three"]))
def wrap(*, text: str, width: int = 70) -> list[str]:
    """Break a text into lines of a width, between words.

    - text: the text; its own line ends count as spaces
    - width: the number of characters of a line, at most
    """
    return textwrap.wrap(text, width)


@text_block(Example({"text": "Crème Brûlée, 2 pieces!"}, "creme-brulee-2-pieces"))
def slug(*, text: str, separator: str = "-") -> str:
    """Return a text as a name for addresses and files: small plain letters and digits, without accents.

    - text: the text
    - separator: what stands for everything else
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    kept = "".join(character if character.isalnum() else " " for character in plain)
    return separator.join(kept.split())
