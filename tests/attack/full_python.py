"""Full Python inside the jail: what the attack suite has in place of the restricted language.

The product has no such operation. The suite gives it to its own sandboxes as an extension.
"""

import ctypes
import fcntl
import functools
import gc
import json
import mmap
import multiprocessing
import os
import pickle
import platform
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from encodings import idna
from pathlib import Path
from typing import Any

_PRELOADED = (
    *(ctypes, fcntl, gc, json, mmap, multiprocessing, os, pickle, random, resource, signal, socket),
    *(idna, struct, subprocess, sys, threading, time),
)
"""There is nothing to import from in a jail, so that what attacks import is loaded before."""

_SOCKET = 3
_INT_80 = b"\x89\xf8\xcd\x80\xc3"
"""mov eax, edi; int 0x80; ret: a call by the numbers of 32-bit programs."""


@functools.cache
def numbers() -> dict[str, tuple[int, int]]:
    """Return the numbers of each system call, on x86_64 and on aarch64; -1 where there is none."""
    text = Path(__file__).with_name("system_calls.txt").read_text()
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {name: (int(first), int(second)) for name, first, second in rows}


@functools.cache
def calls() -> dict[str, int]:
    """Return the number of each system call on this machine."""
    column = 0 if platform.machine() == "x86_64" else 1
    return {name: pair[column] for name, pair in numbers().items()}


def system_call(which: str | int, *arguments: Any) -> int:
    """Make a system call by its name or number; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    number = calls()[which] if isinstance(which, str) else which
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attempt(*tries: Callable[[], Any]) -> str:
    """Return PWNED and what was got when a try gives something true; else how each was stopped."""
    stopped: list[str] = []
    for one in tries:
        try:
            got = one()
        except BaseException as error:  # noqa: BLE001
            stopped.append(f"{type(error).__name__}: {error}"[:100])
        else:
            if got:
                return f"PWNED {got!r}"[:300]
            stopped.append("no effect")
    return "stopped " + "; ".join(stopped)


def gather(things: Iterable[Any], use: Callable[[Any], object]) -> list[Any]:
    """Return those of the things that could be used: that raised no OSError."""
    used: list[Any] = []
    for thing in things:
        try:
            use(thing)
        except OSError:
            continue
        used.append(thing)
    return used


@functools.cache
def wire() -> socket.socket:
    """Return the guest's end of its wire: kept, since a socket that is let go of closes its descriptor."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _SOCKET)


def frame(content: dict[str, Any]) -> bytes:
    """Return a frame of the wire between platform and guest."""
    body = json.dumps(content).encode()
    return len(body).to_bytes(4, "big") + body


def send(content: dict[str, Any]) -> None:
    """Write a well-formed frame to the platform."""
    os.write(_SOCKET, frame(content))


def raw(body: bytes) -> None:
    """Write a frame that holds whatever it likes to the platform."""
    data = len(body).to_bytes(4, "big") + body
    while data:
        data = data[os.write(_SOCKET, data) :]


def _foreign_calls() -> Callable[[int], int] | None:
    """Return a function that makes system calls by the numbers of 32-bit programs, where there are any."""
    if platform.machine() != "x86_64":
        return None
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(_INT_80)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(address)

    def call(number: int) -> int:
        return int(function(number)) if not area.closed else 0

    return call


def names(config: dict[str, Any]) -> dict[str, Any]:
    """Return the names that the code of an attack finds, beside its targets."""
    return {
        "CALLS": calls(),
        "CONFIG": config,
        "attempt": attempt,
        "frame": frame,
        "gather": gather,
        "int80": _foreign_calls(),
        "raw": raw,
        "sc": system_call,
        "send": send,
        "wire": wire,
        **{module.__name__: module for module in _PRELOADED},
    }


def make(config: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: it runs ``code`` with the targets ``T`` and returns what is left in ``result``."""
    common = names(config)

    def full(payload: dict[str, Any]) -> Any:
        found = {**common, "T": payload["targets"]}
        exec(compile(payload["code"], "<attack>", "exec"), found)  # noqa: S102
        return found.get("result")

    return full
