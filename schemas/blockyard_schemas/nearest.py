"""The nearest known word, for "did you mean" hints."""

from collections.abc import Iterable

_LONGEST = 64
"""Characters of a word that is compared; what is longer is no misspelling."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like ``word``, or ``None`` when none is near."""
    from difflib import get_close_matches

    if len(word) > _LONGEST:
        return None
    words = {_folded(each): each for each in known if len(each) <= _LONGEST}
    found = get_close_matches(_folded(word), words, n=1, cutoff=0.6)
    return words[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint ``did you mean 'x'?``, or ``None``."""
    found = nearest(word, known)
    return None if found is None else f"did you mean '{found}'?"


def _folded(word: str) -> str:
    return word.lower().replace("_", "-")
