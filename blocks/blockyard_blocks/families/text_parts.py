"""Text: looking into texts, and taking parts of them."""

from typing import Any

from blockyard_blocks.declaring import UNSET, Example, family

text_block = family("text")


@text_block(Example({"text": "Hello"}, 5))
def length(*, text: str) -> int:
    """Count the characters of a text.

    - text: the text
    """
    return len(text)


@text_block(Example({"text": "banana", "piece": "an"}, 2))
def count(*, text: str, piece: str) -> int:
    """Count how often a piece stands in a text, without overlaps.

    - text: the text
    - piece: the piece
    """
    return text.count(piece)


@text_block(Example({"text": "Hello", "piece": "ell"}, True))
def includes(*, text: str, piece: str, ignore_case: bool = False) -> bool:
    """Tell whether a piece stands in a text.

    - text: the text
    - piece: the piece
    - ignore_case: take capital and small letters for the same
    """
    return piece.casefold() in text.casefold() if ignore_case else piece in text


@text_block(Example({"text": "Hello", "pieces": ["x", "ell"]}, True))
def includes_any(*, text: str, pieces: list[str]) -> bool:
    """Tell whether at least one of several pieces stands in a text.

    - text: the text
    - pieces: the pieces; with none the answer is false
    """
    return any(piece in text for piece in pieces)


@text_block(Example({"text": "Hello", "pieces": ["x", "ell"]}, False))
def includes_all(*, text: str, pieces: list[str]) -> bool:
    """Tell whether all of several pieces stand in a text.

    - text: the text
    - pieces: the pieces; with none the answer is true
    """
    return all(piece in text for piece in pieces)


@text_block(
    Example({"text": "abc", "index": -1}, "c"),
    Example({"text": "a", "index": 9, "default": None}, None),
)
def get(*, text: str, index: int, default: Any = UNSET) -> Any:
    """Return one character of a text.

    - text: the text
    - index: its place, from 0; a negative one counts from the end
    - default: what to return when there is no such place; without it that is an error
    """
    if -len(text) <= index < len(text):
        return text[index]
    if default is UNSET:
        raise ValueError(f"index {index} is outside of the text of {len(text)} characters")
    return default


@text_block(Example({"text": "banana", "piece": "n"}, 2), Example({"text": "a", "piece": "x"}, -1))
def index_of(*, text: str, piece: str, last: bool = False) -> int:
    """Return where a piece first stands in a text, from 0; -1 when it does not.

    - text: the text
    - piece: the piece
    - last: where it stands for the last time instead
    """
    return text.rfind(piece) if last else text.find(piece)


@text_block(Example({"text": "abcdef", "start": 1, "stop": 4}, "bcd"))
def slice_(
    *, text: str, start: int | None = None, stop: int | None = None, step: int | None = None
) -> str:
    """Return a part of a text.

    - text: the text
    - start: the first place, from 0; a negative one counts from the end
    - stop: the place to stop before
    - step: take each n-th character; a negative one goes backwards
    """
    if step == 0:
        raise ValueError("step can't be 0")
    return text[start:stop:step]


@text_block(Example({"text": "key=a=b", "separator": "="}, "key"))
def before(*, text: str, separator: str, last: bool = False) -> str:
    """Return what stands before a separator; the whole text when it is not there.

    - text: the text
    - separator: the separator
    - last: take the last one, not the first
    """
    at = text.rfind(separator) if last else text.find(separator)
    return text if at < 0 else text[:at]


@text_block(Example({"text": "key=a=b", "separator": "="}, "a=b"))
def after(*, text: str, separator: str, last: bool = False) -> str:
    """Return what stands after a separator; nothing when it is not there.

    - text: the text
    - separator: the separator
    - last: take the last one, not the first
    """
    at = text.rfind(separator) if last else text.find(separator)
    return "" if at < 0 else text[at + len(separator) :]


@text_block(Example({"text": "report.csv", "suffix": ".csv"}, "report"))
def remove_suffix(*, text: str, suffix: str) -> str:
    """Take an ending away, when the text has it.

    - text: the text
    - suffix: the ending
    """
    return text.removesuffix(suffix)


@text_block(Example({"text": "Mr. Smith", "prefix": "Mr. "}, "Smith"))
def remove_prefix(*, text: str, prefix: str) -> str:
    """Take a beginning away, when the text has it.

    - text: the text
    - prefix: the beginning
    """
    return text.removeprefix(prefix)


@text_block(Example({"text": "Hello", "piece": "He"}, True))
def starts_with(*, text: str, piece: str) -> bool:
    """Tell whether a text starts with a piece.

    - text: the text
    - piece: the piece
    """
    return text.startswith(piece)


@text_block(Example({"text": "Hello", "piece": "lo"}, True))
def ends_with(*, text: str, piece: str) -> bool:
    """Tell whether a text ends with a piece.

    - text: the text
    - piece: the piece
    """
    return text.endswith(piece)


@text_block(Example({"text": "  "}, False), Example({"text": "  ", "include_spaces": False}, True))
def is_empty(*, text: str, include_spaces: bool = True) -> bool:
    """Tell whether a text holds nothing.

    - text: the text
    - include_spaces: white space counts as something
    """
    return not (text if include_spaces else text.strip())


@text_block(Example({"text": "123"}, True), Example({"text": "1.5"}, False))
def is_numeric(*, text: str) -> bool:
    """Tell whether a text is made of digits and other number characters only.

    - text: the text
    """
    return text.isnumeric()


@text_block(Example({"text": "abc"}, True), Example({"text": "a1"}, False))
def is_alpha(*, text: str) -> bool:
    """Tell whether a text is made of letters only.

    - text: the text
    """
    return text.isalpha()


@text_block(Example({"value": 3}, False))
def is_text(*, value: Any) -> bool:
    """Tell whether a value is a text.

    - value: the value
    """
    return isinstance(value, str)
