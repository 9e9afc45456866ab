"""Full Python inside the jail: what the attack suite has in place of the restricted language.

The product has no such operation. The suite gives it to its own sandboxes as an extension.
"""

import ctypes
import fcntl
import gc
import json
import mmap
import multiprocessing
import os
import pickle
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_PRELOADED = (
    *(ctypes, fcntl, gc, json, mmap, multiprocessing, os, pickle, random, resource, signal, socket),
    *(struct, subprocess, sys, threading, time),
)
"""There is nothing to import from in a jail, so that what attacks import is loaded before."""


def system_call(number: int, *arguments: Any) -> int:
    """Make a system call by its number on x86_64; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
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


def make(config: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: it runs ``code`` with the targets ``T`` and returns what is left in ``result``."""

    def full(payload: dict[str, Any]) -> Any:
        names: dict[str, Any] = {
            "T": payload["targets"],
            "CONFIG": config,
            "attempt": attempt,
            "sc": system_call,
            **{module.__name__: module for module in _PRELOADED},
        }
        exec(compile(payload["code"], "<attack>", "exec"), names)  # noqa: S102
        return names.get("result")

    return full
