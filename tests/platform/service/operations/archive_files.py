"""Data folders to be backed up, and archives of any content."""

import gzip
import hashlib
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from blockyard_platform.engine.journal import Marks
from blockyard_platform.results import RunResult
from blockyard_platform.secrets.key_files import create_key_file
from blockyard_platform.service.operations.archives import FORMAT
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import HEAD
from blockyard_schemas.statuses import Status

from ...store.test_store import record


def make_data(folder: Path) -> Path:
    """Make a data folder as the service has it: a journal, DBOS's file, keys of secrets, keys and files of a tenant."""
    folder.mkdir(parents=True)
    store = Store(folder / "blockyard.db")
    journal = store.create("r1", "report", {"name": "report"}, {"n": 1})
    journal.finished(record("a", {"text": "x" * 10_000}), Marks())
    journal.ended(RunResult("r1", "report", Status.SUCCESS))
    journal.close()
    store.close()
    make_database(folder / "blockyard.db-dbos", "workflow_status")
    create_key_file(folder / "keys")
    own = folder / "tenants" / "ant"
    (own / "files" / "deep" / "er").mkdir(parents=True)
    (own / "files" / "deep" / "er" / "note é.txt").write_bytes(b"\x00\xffhello")
    (own / "files" / "fake").write_bytes(b"SQLite format 3\0 of a tenant, which nobody opens")
    (own / "files" / "fake-wal").write_bytes(b"a tenant's, too")
    (own / "files" / "list").write_text("blockyard-keys 1\nof a tenant")
    make_database(own / "kv.db", "entries")
    return folder


def make_database(place: Path, table: str, rows: int = 3) -> None:
    with closing(sqlite3.connect(place)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute(f"CREATE TABLE {table} (number INTEGER)")
        base.executemany(f"INSERT INTO {table} VALUES (?)", [(it,) for it in range(rows)])  # noqa: S608
        base.commit()


def count(place: Path, table: str) -> int:
    with closing(sqlite3.connect(place)) as base:
        found: int = base.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return found


def tree(folder: Path) -> dict[str, bytes]:
    """Return what the files of a folder hold, but for those that SQLite keeps beside its own."""
    return {
        str(it.relative_to(folder)): it.read_bytes()
        for it in sorted(folder.rglob("*"))
        if it.is_file() and not it.name.endswith((".db-wal", ".db-shm", "-dbos-wal", "-dbos-shm"))
    }


def entry(member: str, path: Any, data: bytes, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {
        "member": member,
        "path": path,
        "kind": "file",
        "size": len(data),
        "sha256": digest,
    } | more


def manifest(*entries: Any, **more: Any) -> bytes:
    found: dict[str, Any] = {"format": FORMAT, "schema": HEAD, "version": "0.1.0"}
    found |= {"created": 1.5, "keys_left_out": False, "entries": list(entries)} | more
    return json.dumps(found).encode()


def archive(place: Path, *members: tuple[Any, bytes], tail: bytes = b"") -> Path:
    """Write an archive of members, each a name or a whole TarInfo, and what it holds."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for given, data in members:
            info = given if isinstance(given, tarfile.TarInfo) else tarfile.TarInfo(given)
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(data))
    place.write_bytes(gzip.compress(raw.getvalue() + tail))
    return place


def special(name: str, kind: bytes, leads: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, leads
    return info
