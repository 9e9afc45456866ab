"""Backups: all of a data folder at one moment, while it is written to; and back again."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform import Runner
from blockyard_platform.cli.app import invoke
from blockyard_platform.engine.journal import Marks
from blockyard_platform.events import Event, RunView
from blockyard_platform.results import RunResult
from blockyard_platform.secrets.key_files import read_key_file
from blockyard_platform.service.operations import archives, backup
from blockyard_platform.service.operations.backup import back_up
from blockyard_platform.service.operations.errors import BackupError
from blockyard_platform.service.operations.restore import fingerprint, restore
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import HEAD
from blockyard_schemas.statuses import Status

from ...store.test_store import record
from .archive_files import count, make_data, make_database, tree


def test_what_is_backed_up_is_restored(tmp_path: Path) -> None:
    data, file, back = make_data(tmp_path / "data"), tmp_path / "b.tar.gz", tmp_path / "back"
    made = back_up(data, file, with_keys=True)
    assert (made.databases, made.files, made.schema, made.keys_left_out) == (3, 5, HEAD, False)
    assert (made.size, file.stat().st_mode & 0o777) == (file.stat().st_size, 0o600)
    assert sorted(it.name for it in tmp_path.iterdir()) == ["b.tar.gz", "data"]

    told = restore(file, back)
    assert (told.databases, told.files, told.schema) == (3, 5, HEAD)
    before, after = tree(data), tree(back)
    assert before.keys() == after.keys()
    for name in before.keys() - {"blockyard.db", "blockyard.db-dbos", "tenants/ant/kv.db"}:
        assert after[name] == before[name], name
    assert count(back / "tenants" / "ant" / "kv.db", "entries") == 3
    assert count(back / "blockyard.db-dbos", "workflow_status") == 3
    assert read_key_file(back / "keys") == read_key_file(data / "keys")
    store = Store(back / "blockyard.db")
    assert (store.read("r1").status, store.paths("r1")) == (Status.SUCCESS, ["a"])
    store.close()
    modes = {it.stat().st_mode & 0o777 for it in back.rglob("*") if it.is_dir()}
    assert modes == {0o700}
    assert {it.stat().st_mode & 0o777 for it in (back / "tenants").rglob("*") if it.is_file()} == {
        0o600
    }


def test_keys_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    data, file, back = make_data(tmp_path / "data"), tmp_path / "b.tar.gz", tmp_path / "back"
    assert back_up(data, file).keys_left_out
    assert restore(file, back).keys_left_out
    assert tree(data).keys() - tree(back).keys() == {"keys"}
    # A tenant's file that only looks like one is a file.
    assert (back / "tenants" / "ant" / "files" / "list").read_text().startswith("blockyard-keys 1")


def test_what_is_no_plain_file_is_left_out(tmp_path: Path) -> None:
    data, file, back = make_data(tmp_path / "data"), tmp_path / "b.tar.gz", tmp_path / "back"
    before = tree(data).keys() - {"keys"}
    own = data / "tenants" / "ant" / "files"
    (own / "passwd").symlink_to("/etc/passwd")
    (own / "all").symlink_to("/etc", target_is_directory=True)
    (data / "away").symlink_to("/etc", target_is_directory=True)
    os.mkfifo(own / "pipe")
    (data / ".lock").touch()
    (own / ".blockyard-0123").write_bytes(b"half of a file")
    back_up(data, file)
    restore(file, back)
    assert tree(back).keys() == before


def test_a_backup_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    data, file, back = make_data(tmp_path / "data"), tmp_path / "b.tar.gz", tmp_path / "back"
    stop, going, failed = threading.Event(), threading.Barrier(3, timeout=120), list[Exception]()

    def write(name: str) -> None:
        store = Store(data / "blockyard.db")
        try:
            number = 0
            while not stop.is_set() or number < 20:
                journal = store.create(f"{name}{number}", "w", {}, {})
                for step in range(3):
                    journal.finished(record(f"s{step}", {"text": "y" * 9_000 + name}), Marks())
                journal.ended(RunResult(None, "w", Status.SUCCESS))
                journal.close()
                number += 1
                if number == 10:
                    going.wait()
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for each in writers:
        each.start()
    going.wait()
    back_up(data, file)
    stop.set()
    for each in writers:
        each.join()
    assert failed == []
    restore(file, back)
    engine = open_engine(back / "blockyard.db")
    with engine.connect() as connection:
        rows: list[Any] = list(
            connection.execute(
                sa.text(
                    "SELECT runs.id, runs.status, count(records.path) AS steps FROM runs "
                    "LEFT JOIN records ON records.run = runs.id GROUP BY runs.id"
                )
            )
        )
        missing = "SELECT count(*) FROM records WHERE blob NOT IN (SELECT digest FROM blobs)"
        assert connection.scalar(sa.text(missing)) == 0
    engine.dispose()
    assert len(rows) > 20
    assert {it.steps for it in rows if it.status == "SUCCESS" and it.id != "r1"} == {3}
    assert sum(it.status == "WAIT" for it in rows) <= 2


async def test_a_run_that_was_under_way_is_taken_up_after_a_restore(tmp_path: Path) -> None:
    data, file, back = tmp_path / "data", tmp_path / "b.tar.gz", tmp_path / "back"
    data.mkdir()
    stages = [{"id": "a", "echo": "x"}, {"id": "b", "echo": "y"}, {"id": "c", "echo": "z"}]

    def meanwhile(_: RunView, event: Event) -> None:
        if (event.kind, event.path) == ("stage-started", "b"):
            back_up(data, file)

    async with Runner(journal=data / "blockyard.db") as runner:
        document = {"name": "t", "stages": stages}
        assert (await runner.run(document, run_id="r", on_event=meanwhile)).success
    restore(file, back)
    begun: list[str] = []
    async with Runner(journal=back / "blockyard.db") as runner:
        result = await runner.resume(
            "r",
            on_event=lambda _, it: begun.append(it.path) if it.kind == "stage-started" else None,
        )
    assert result.success
    assert begun == ["b", "c"]


def test_dbos_is_copied_before_the_journal_and_tenants_data_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, file = make_data(tmp_path / "data"), tmp_path / "b.tar.gz"
    make_database(data / "another.db", "things")
    order = list[str]()
    writer: Any = backup._Writer  # pyright: ignore[reportPrivateUsage]
    add = writer._add

    def watched(self: Any, stream: Any, found: Any) -> None:
        order.append(found.path)
        add(self, stream, found)

    monkeypatch.setattr(writer, "_add", watched)
    back_up(data, file)
    assert order[:3] == ["blockyard.db-dbos", "another.db", "blockyard.db"]
    assert order[3] == "tenants/ant/kv.db"


def test_a_backup_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, place = make_data(tmp_path / "data"), tmp_path / "there"
    place.mkdir()

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "copied", full)
    with pytest.raises(BackupError, match=r"cannot be made: .*No space left"):
        back_up(data, place / "b.tar.gz")
    assert list(place.iterdir()) == []


def test_a_damaged_database_is_not_passed_on(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    with closing(sqlite3.connect(data / "more.db")) as base:
        base.execute("CREATE TABLE t (a TEXT)")
        base.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 200)
        base.commit()
    raw = bytearray((data / "more.db").read_bytes())
    raw[4096 * 2 : 4096 * 12] = b"\x55" * (4096 * 10)
    (data / "more.db").write_bytes(raw)
    with pytest.raises(BackupError, match=r"more\.db is damaged|malformed"):
        back_up(data, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.parametrize(
    ("place", "words", "hint"),
    [
        ("postgresql://me:hunter2@host/x", "only a data folder", "pg_dump"),
        ("{tmp}/nowhere", "there is no folder", "data folder"),
        ("{tmp}/empty", "no journal is in", "pg_dump"),
    ],
)
def test_what_is_no_data_folder_is_refused(
    tmp_path: Path, place: str, words: str, hint: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x").write_text("x")
    with pytest.raises(BackupError, match=words) as caught:
        back_up(place.format(tmp=tmp_path), tmp_path / "b.tar.gz")
    assert hint in (caught.value.hint or "")
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "b.tar.gz").exists()


def test_a_file_is_never_written_over_and_never_in_the_folder(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(BackupError, match="is there already"):
        back_up(data, tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"
    with pytest.raises(BackupError, match="would lie in the folder"):
        back_up(data, data / "b.tar.gz")
    with pytest.raises(BackupError, match="cannot be made"):
        back_up(data, tmp_path / "no" / "b.tar.gz")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, file, back = make_data(tmp_path / "data"), tmp_path / "b.tar.gz", tmp_path / "back"
    assert invoke(["backup", str(file), "--data", str(data)]) == 0
    told = capsys.readouterr()
    assert "3 databases, 4 files" in told.out
    assert f"sha256 {fingerprint(file)}" in told.out
    assert "keys of secrets are not in it" in told.err
    assert invoke(["restore", str(file), "--data", str(back)]) == 0
    assert "keys of secrets were left out" in capsys.readouterr().err
    assert invoke(["restore", str(file), "--data", str(back)]) == 1
    assert "is not empty; give a new folder" in capsys.readouterr().err
    assert invoke(["backup", str(file), "--data", str(data), "--json"]) == 1
    program = "from blockyard_platform.cli import main; main()"
    given = ["backup", str(tmp_path / "c.tar.gz"), "--data", str(data), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", program, *given], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["keys_left_out"] is True


def test_the_samples_of_the_documentation_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "operations.md").read_text()
    text = page.partition("```sh backup\n")[2].partition("```")[0]
    assert "--data new-data" in text
    make_data(tmp_path / "blockyard-data")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    subprocess.run(["sh", "-e"], input=text, text=True, check=True, cwd=tmp_path, env=environment)
    assert count(tmp_path / "new-data" / "tenants" / "ant" / "kv.db", "entries") == 3


def test_the_folder_is_the_one_that_the_services_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_data(tmp_path / "data")
    monkeypatch.setenv("BLOCKYARD_DATA", str(tmp_path / "another"))
    monkeypatch.setenv("BLOCKYARD_SERVICE_DATA", str(tmp_path / "data"))
    assert invoke(["backup", str(tmp_path / "b.tar.gz")]) == 0
    monkeypatch.setenv("BLOCKYARD_SERVICE_DATA", str(tmp_path / "back"))
    assert invoke(["restore", str(tmp_path / "b.tar.gz")]) == 0
    assert count(tmp_path / "back" / "tenants" / "ant" / "kv.db", "entries") == 3
