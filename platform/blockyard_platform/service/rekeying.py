"""The change of the key that seals secrets: a fresh key in the file, and then, when every process has it, all secrets sealed with it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.secrets.errors import SealedError, SecretError
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.sealing import resealer
from blockyard_platform.service.starting import check_there
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.service.registry.sealed import Place
    from blockyard_platform.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Resealed:
    """``count`` secrets were sealed anew, with the key ``newest``; ``shut`` are those that do not open, and stay as they are."""

    newest: str
    count: int
    shut: tuple[str, ...]


def add_key(settings: Settings) -> str:
    """Add a fresh key to the file, and return its id. Nothing is sealed with it before a process is started anew. Raises InvalidDocumentError."""
    try:
        return KeyRing.rotate(settings.keys_file).ids[-1]
    except SecretError as error:
        raise _wrong(error) from error


def reseal(settings: Settings) -> Resealed:
    """Seal all secrets with the newest key of the file. Raises InvalidDocumentError."""
    check_there(settings)
    try:
        keys = KeyRing.load(settings.keys_file)
    except SecretError as error:
        raise _wrong(error) from error
    again, shut = resealer(keys), list[str]()
    count = 0

    def fresh(text: str, place: Place) -> str:
        nonlocal count
        try:
            found = again(text, place)
        except SealedError as error:
            shut.append(f"{place.tenant}: {error}")
            return text
        count += found != text
        return found

    with closing(Database(settings.place)) as database:
        after = sealed.FIRST_KEY
        while True:
            with database.writing() as work:
                done = sealed.reseal(work, Caller.service(), fresh, after)
            if not done:
                return Resealed(keys.ids[-1], count, tuple(shut))
            after = done[-1]


def _wrong(error: SecretError) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("keys", "", str(error), error.hint)])
