"""Seccomp: the system-call allowlist as a classic BPF program, built once and loaded as bytes by each guest.

See seccomp(2): the architecture is checked first, since numbers mean other calls elsewhere; x32's numbers are refused.
"""

import ctypes
import errno
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from blockyard_sandbox.jail import kernel

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHITECTURES = (0xC000003E, 0xC00000B7)
_X32 = 0x40000000
_CONDITION = re.compile(r"arg([0-5])(?:&(\d+))?==0")
_ERRNOS = ("EAGAIN", "ENOSYS", "EOPNOTSUPP")
_ONE_OF = re.compile(r"arg([0-5])=(\d+(?:,\d+)*)")


@dataclass(frozen=True, slots=True)
class Condition:
    """What an argument must be: one of ``values``, without the bits of ``mask``, or nothing at all."""

    argument: int
    mask: int | None = None
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the list: a call's number here, and under which conditions it is allowed, or which errno it gets."""

    name: str
    number: int
    conditions: tuple[Condition, ...] = ()
    errno: int | None = None


def rules(*, programs: bool = False, network: bool = False) -> list[Rule]:
    """Read the list for this architecture, with what starting ``programs`` and a ``network`` take. Raises ValueError for a line that is not understood."""
    found = {rule.name: rule for rule in _read("syscalls.allow")}
    if programs:
        found |= {rule.name: rule for rule in _read("syscalls.programs")}
    if network:
        found |= {rule.name: rule for rule in _read("syscalls.network")}
    return list(found.values())


def _read(name: str) -> list[Rule]:
    text = Path(__file__).with_name(name).read_text("ascii")
    lines = (line.split("#")[0].split() for line in text.splitlines())
    column = kernel.machine()
    return [_rule(words, column) for words in lines if words and int(words[1 + column]) >= 0]


def _rule(words: list[str], column: int) -> Rule:
    name, number = words[0], int(words[1 + column])
    if len(words) == 3:
        return Rule(name, number)
    if words[3] in _ERRNOS:
        return Rule(name, number, errno=getattr(errno, words[3]))
    conditions = tuple(_condition(name, text) for text in words[3].split("+"))
    return Rule(name, number, conditions)


def _condition(name: str, text: str) -> Condition:
    one_of = _ONE_OF.fullmatch(text)
    if one_of is not None:
        return Condition(int(one_of[1]), values=tuple(int(each) for each in one_of[2].split(",")))
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"syscalls.allow: cannot read the condition of {name}: {text}")
    return Condition(int(found[1]), int(found[2]) if found[2] else None)


def program(*, programs: bool = False, network: bool = False) -> bytes:
    """Return the filter: kill for a foreign architecture, allow what is listed, EPERM for the rest."""
    code = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQ, 1, 0, _ARCHITECTURES[kernel.machine()]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_JUMP_GE, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for rule in rules(programs=programs, network=network):
        body = _body(rule)
        code += [(_JUMP_EQ, 0, len(body), rule.number), *body]
    code.append((_RETURN, 0, 0, _ERRNO | errno.EPERM))
    return b"".join(struct.pack("HBBI", *step) for step in code)


def _body(rule: Rule) -> list[tuple[int, int, int, int]]:
    if rule.errno is not None:
        return [(_RETURN, 0, 0, _ERRNO | rule.errno)]
    checks = [step for condition in rule.conditions for step in _check(condition)]
    return [*checks, (_RETURN, 0, 0, _ALLOW)]


def _check(condition: Condition) -> list[tuple[int, int, int, int]]:
    """Return the steps that refuse the call when a condition does not hold, and go on after them when it does."""
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    low = 16 + 8 * condition.argument
    if condition.values:
        # The kernel reads the low word alone of the arguments that are listed so.
        count = len(condition.values)
        tests = [(_JUMP_EQ, count - i, 0, value) for i, value in enumerate(condition.values)]
        return [(_LOAD, 0, 0, low), *tests, refuse]
    if condition.mask is not None:
        return [(_LOAD, 0, 0, low), (_JUMP_SET, 0, 1, condition.mask), refuse]
    high = (_LOAD, 0, 0, low + 4)
    return [(_LOAD, 0, 0, low), (_JUMP_EQ, 0, 2, 0), high, (_JUMP_EQ, 1, 0, 0), refuse]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def load(filter_bytes: bytes) -> None:
    """Put this process under a filter, for good. Needs no new privileges to be set."""
    kept = ctypes.create_string_buffer(filter_bytes, len(filter_bytes))
    described = _Program(len(filter_bytes) // 8, ctypes.addressof(kept))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(described))
