"""Text: joining, splitting, and changing the shape of texts."""

from blockyard_blocks.declaring import Example, family

text = family("text")


@text(Example({"items": ["a", "b"], "separator": "-"}, "a-b"))
def join(*, items: list[str], separator: str = "") -> str:
    """Join texts into one.

    - items: the texts, in order
    - separator: what stands between two of them
    """
    return separator.join(items)


@text(Example({"text": "Hello"}, "HELLO"))
def upper(*, text: str) -> str:
    """Return a text in capital letters.

    - text: the text
    """
    return text.upper()
