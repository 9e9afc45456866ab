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
class Rule:
    """A line of the list: a call's number here, and under which condition it is allowed, or which errno it gets."""

    name: str
    number: int
    argument: int | None = None
    mask: int | None = None
    errno: int | None = None
    values: tuple[int, ...] = ()


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
    one_of = _ONE_OF.fullmatch(words[3])
    if one_of is not None:
        values = tuple(int(value) for value in one_of[2].split(","))
        return Rule(name, number, int(one_of[1]), values=values)
    found = _CONDITION.fullmatch(words[3])
    if found is None:
        raise ValueError(f"syscalls.allow: cannot read the condition of {name}: {words[3]}")
    return Rule(name, number, int(found[1]), int(found[2]) if found[2] else None)


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
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    if rule.errno is not None:
        return [(_RETURN, 0, 0, _ERRNO | rule.errno)]
    if rule.argument is None:
        return [allow]
    low = 16 + 8 * rule.argument
    if rule.values:
        # The kernel reads the low word alone of the arguments that are listed so.
        count = len(rule.values)
        tests = [(_JUMP_EQ, count - i, 0, value) for i, value in enumerate(rule.values)]
        return [(_LOAD, 0, 0, low), *tests, refuse, allow]
    if rule.mask is not None:
        return [(_LOAD, 0, 0, low), (_JUMP_SET, 0, 1, rule.mask), refuse, allow]
    return [
        (_LOAD, 0, 0, low),
        (_JUMP_EQ, 0, 3, 0),
        (_LOAD, 0, 0, low + 4),
        (_JUMP_EQ, 0, 1, 0),
        allow,
        refuse,
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def load(filter_bytes: bytes) -> None:
    """Put this process under a filter, for good. Needs no new privileges to be set."""
    kept = ctypes.create_string_buffer(filter_bytes, len(filter_bytes))
    described = _Program(len(filter_bytes) // 8, ctypes.addressof(kept))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(described))
