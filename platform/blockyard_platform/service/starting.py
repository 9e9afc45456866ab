"""The start of the service: its folder, its database, its keys, its first token; and the end."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.secrets.errors import KeyFileError
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.files import is_seen
from blockyard_platform.service.locking import alone, starting
from blockyard_platform.service.operations import checks
from blockyard_platform.service.operations.health import Examiner
from blockyard_platform.service.operations.observing import Observing
from blockyard_platform.service.operations.timing import TimedDatabase
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry import sealed, tokens
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.running import running
from blockyard_platform.service.scheduler.assembling import Around, scheduling
from blockyard_platform.service.sealing import opener
from blockyard_platform.service.vault import vault_of
from blockyard_platform.store.engines import file_of
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.service.dispatch.port import Dispatcher
    from blockyard_platform.service.operations.health import Check
    from blockyard_platform.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """The parts, and the text of the first admin's token when there was none before.

    ``own_keys`` says that a key file was made for a database which others serve already: theirs is another.
    """

    parts: Parts
    token: str | None
    own_keys: bool

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Started({self.parts!r})"


@contextmanager
def started(settings: Settings) -> Generator[Started]:
    """Make the folder, the database, the keys and the first token where they are not there, and yield the parts.

    Raises InvalidDocumentError for what cannot be made or used.
    """
    catalog = catalog_of(settings)
    _make_folder(settings.data)
    with ExitStack() as stack:
        stack.enter_context(alone(settings))
        with starting(settings.data):
            observing = Observing(settings.metrics_tenants)
            database = TimedDatabase(settings.place, observing.metrics.written)
            stack.callback(database.close)
            made = not is_seen(settings.keys_file)
            keys = _keys(settings.keys_file, database)
        admitting = Admitting(database, catalog, vault_of(settings, database, keys))
        engine = stack.enter_context(running(settings, database, admitting, observing))
        nudge = engine.dispatcher.nudge
        around = Around(database, engine.runs, engine.signals, engine.watching, opener(keys), nudge)
        scheduler = stack.enter_context(scheduling(around))
        parts = Parts(
            settings=settings,
            database=database,
            catalog=catalog,
            keys=keys,
            admitting=admitting,
            health=Examiner(_checks(settings, database, engine.dispatcher)),
            runs=engine.runs,
            dispatcher=engine.dispatcher,
            watching=engine.watching,
            observing=observing,
            scheduling=scheduler,
        )
        # At the very end: the text is known to nobody when a start fails after this.
        with database.writing() as work:
            issued = tokens.first(work, Caller.service())
        shared = issued is None and not settings.on_one_machine
        yield Started(parts, None if issued is None else issued.text, own_keys=made and shared)


def check_there(settings: Settings) -> None:
    """Raise InvalidDocumentError when there is no service's database: it would be made by looking for it."""
    place = file_of(settings.place)
    if place is not None and not is_seen(place):
        raise InvalidDocumentError(
            (
                Problem(
                    "data",
                    "",
                    f"there is no service's database at {settings.place}",
                    "give the folder, file or URL that the service was started with",
                ),
            )
        )


def rescued(settings: Settings) -> str:
    """Return the text of one more admin's token, made in the database itself. Raises InvalidDocumentError when there is no service's database."""
    check_there(settings)
    database = Database(settings.place)
    try:
        with database.writing() as work:
            return tokens.rescue(work, Caller.service()).text
    finally:
        database.close()


def _checks(settings: Settings, database: Database, dispatcher: Dispatcher) -> list[Check]:
    """Return how each part is looked at."""
    engine = database.engine
    found = [
        checks.database(engine),
        checks.migrations(engine),
        checks.disk(settings.data),
        checks.workers(dispatcher.seen),
    ]
    if not settings.on_one_machine:
        found.append(checks.clock(checks.database_clock(engine)))
    return [*found, checks.sandbox()] if settings.worker else found


def catalog_of(settings: Settings) -> Catalog:
    """Return the built-in blocks, those of installed packages, and those of the folders that are set. Raises InvalidDocumentError."""
    from blockyard_blocks.errors import CatalogError
    from blockyard_platform.host_blocks import platform_catalog

    try:
        catalog = platform_catalog().with_entry_points()
        for folder in settings.catalog:
            if not is_seen(folder) or not folder.is_dir():
                raise _wrong(
                    f"there is no folder {folder}", "catalog takes folders of Python files"
                )
            catalog = catalog.with_folder(folder)
    except CatalogError as error:
        raise _wrong(f"the catalog cannot be made: {error}") from error
    return catalog


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _wrong(
            f"the data folder {folder} cannot be made: {error.strerror}", "give --data"
        ) from error


def _keys(file: Path, database: Database) -> KeyRing:
    try:
        if is_seen(file):
            return KeyRing.load(file)
        with database.reading() as work:
            if sealed.any_held(work, Caller.service()):
                raise _wrong(
                    f"there are secrets in the database, and no key file {file} that opens them",
                    "copy the key file of the server that has sealed them, or name it: --keys",
                )
        return KeyRing.create(file)
    except KeyFileError as error:
        raise _wrong(str(error), error.hint) from error


def _wrong(message: str, hint: str | None = None) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("start", "", message, hint)])
