"""The attacks in full Python: data files in ``cases``, one for each theme.

A case is a line ``=== name | oracle | numbers of known cases | layers``, then its code. The oracle is ``stopped`` (it
says how, and never PWNED), ``channel`` (the platform takes no forged answer), ``own`` (the guest may spoil its own answer,
nothing else), or the names of the limits of which one must end it. The layers are those without which the attack
succeeds, all left out at once: the proof that it is one. ``-`` stands where the kernel itself refuses, or where
nobody should try.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    name: str
    oracle: str
    known: frozenset[int]
    without: frozenset[str]
    code: str


def read_cases() -> list[Case]:
    return [
        case
        for path in sorted(Path(__file__).with_name("cases").glob("*.txt"))
        for case in _cases_of(path)
    ]


def read_file(name: str) -> list[Case]:
    """Return the cases of a file beside this one."""
    return _cases_of(Path(__file__).with_name(name))


def read_adapted() -> list[Case]:
    """Return what differs where the cases are scripts of stages: names as those of the cases; code may be empty; what stands third is why."""
    text = Path(__file__).with_name("virtual_cases.txt").read_text()
    parts = re.split(r"^=== (.*)$", text, flags=re.MULTILINE)[1:]
    found: list[Case] = []
    for head, code in zip(parts[::2], parts[1::2], strict=True):
        name, oracle, why = (word.strip() for word in head.split("|"))
        assert len(why) > 10, name
        found.append(Case(name, oracle, frozenset(), frozenset(), code))
    return found


def _cases_of(path: Path) -> list[Case]:
    parts = re.split(r"^=== (.*)$", path.read_text(), flags=re.MULTILINE)[1:]
    return [
        _case(path.stem, head, code) for head, code in zip(parts[::2], parts[1::2], strict=True)
    ]


def _case(theme: str, head: str, code: str) -> Case:
    name, oracle, known, layers = (word.strip() for word in head.split("|"))
    without = frozenset(layers.split()) - {"-"}
    numbers = frozenset(int(number) for number in known.split(",")) if known else frozenset[int]()
    return Case(f"{theme}/{name}", oracle, numbers, without, code)
