"""How much a text may hold. A bound that is passed is a problem, never a slow or a large read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The bounds of one reading.

    ``bytes`` of the text; ``depth`` of lists and mappings in each other; ``nodes`` and ``text`` (values and characters) are
    counted after aliases are followed, so that a short text cannot stand for a huge one; ``aliases`` that may be
    used; ``digits`` of one number; ``problems`` that are collected before reading stops.
    """

    bytes: int = 1 << 20
    depth: int = 64
    nodes: int = 50_000
    text: int = 4 << 20
    aliases: int = 1_000
    digits: int = 300
    problems: int = 100
