"""The nearest known word, for "did you mean" hints."""

from collections.abc import Iterable
from itertools import islice

_LONGEST = 64
"""Characters of a word that is compared; what is longer is no misspelling."""

_MOST = 1_000
"""Words that are compared: both sides may be a tenant's."""

_ALIKE = 60
"""How much of two words must be the same, in percent."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like ``word``, or ``None`` when none is near."""
    from rapidfuzz import fuzz, process

    if len(word) > _LONGEST:
        return None
    words = {_folded(each): each for each in islice(known, _MOST) if len(each) <= _LONGEST}
    found = process.extractOne(_folded(word), words.keys(), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return words[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint ``did you mean 'x'?``, or ``None``."""
    found = nearest(word, known)
    return None if found is None else f"did you mean '{found}'?"


def _folded(word: str) -> str:
    return word.lower().replace("_", "-")
