"""Differences of two texts by lines, as patches have them, at a cost that no text can drive up."""

from __future__ import annotations

from difflib import unified_diff

_LINES = 1_000
_CONTEXT = 3


def difference(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return a unified diff, and "" for equal texts.

    Where more than some hundred lines lie between the first and the last that differ, those are told as replaced as a whole: to match
    lines costs the square of their number and more.
    """
    before, after = old.splitlines(), new.splitlines()
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    if max(len(before), len(after)) - start - end <= _LINES:
        low, high = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
        return _exact(before, after, old_name, new_name, low, high)
    return _coarse(before, after, old_name, new_name, start, end)


def _common(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _exact(
    before: list[str], after: list[str], old_name: str, new_name: str, low: int, high: int
) -> str:
    old, new = before[low : len(before) - high], after[low : len(after) - high]
    lines = list(unified_diff(old, new, old_name, new_name, n=_CONTEXT, lineterm=""))
    return "".join(f"{_moved(line, low) if line.startswith('@@') else line}\n" for line in lines)


def _moved(header: str, by: int) -> str:
    """Return the header of a hunk with the lines that were left out at the beginning counted."""
    _, old, new, _ = header.split(" ")
    return f"@@ {_shifted(old, by)} {_shifted(new, by)} @@"


def _shifted(place: str, by: int) -> str:
    first, comma, count = place[1:].partition(",")
    return f"{place[0]}{int(first) + by}{comma}{count}"


def _coarse(
    before: list[str], after: list[str], old_name: str, new_name: str, start: int, end: int
) -> str:
    low, high = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
    old, new = before[low : len(before) - high], after[low : len(after) - high]
    head, tail = start - low, end - high
    lines = [f"--- {old_name}", f"+++ {new_name}"]
    lines.append(f"@@ -{low + 1},{len(old)} +{low + 1},{len(new)} @@")
    lines += [f" {line}" for line in old[:head]]
    lines += [f"-{line}" for line in old[head : len(old) - tail]]
    lines += [f"+{line}" for line in new[head : len(new) - tail]]
    lines += [f" {line}" for line in old[len(old) - tail :]]
    return "".join(f"{line}\n" for line in lines)
