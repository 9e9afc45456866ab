"""The locks of a service's files: one process of a folder starts at a time, and one process has a database that is a file."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_platform.store.engines import file_of
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Generator

    from blockyard_platform.service.settings import Settings

_STARTING = ".lock"
_SERVED = "-lock"


@contextmanager
def starting(folder: Path) -> Generator[None]:
    """Let one process of a data folder start at a time: others wait. Raises InvalidDocumentError."""
    descriptor = _opened(folder / _STARTING, f"the data folder {folder}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(settings: Settings) -> Generator[None]:
    """Be the one process that serves a database which is a file: signals reach the runs of this process alone. Raises InvalidDocumentError.

    A process that dies leaves the lock to the next. Nothing is locked where processes share the database.
    """
    place = file_of(settings.place)
    if place is None:
        yield
        return
    descriptor = _opened(Path(f"{place}{_SERVED}"), f"the database {place}")
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _wrong(
                f"another process serves the database {place}",
                "wait until it has ended, or give another --data; several processes share PostgreSQL",
            ) from None
        # SQLite would let others read it, and gives what it makes beside it the mode of this one.
        os.close(_opened(place, f"the database {place}"))
        yield
    finally:
        os.close(descriptor)


def _opened(place: Path, what: str) -> int:
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = "give the path of a folder that can be written"
        raise _wrong(f"{what} cannot be used: {error.strerror}", hint) from error


def _wrong(message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("start", "", message, hint)])
