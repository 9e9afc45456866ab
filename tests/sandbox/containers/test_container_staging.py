"""Volumes bound by descriptor: what was checked is what is shown, whatever happens to the path afterwards."""

import os
from pathlib import Path

import pytest
from engines import unavailable

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.spec import ContainerSpec, Labels, Volume
from blockyard_sandbox.containers.staging import STAGE, left_behind, staged, unstage


@pytest.fixture(autouse=True)
def _root() -> None:  # pyright: ignore[reportUnusedFunction]
    if os.geteuid() != 0:
        unavailable("binding a folder needs root")


def spec_of(*volumes: Volume) -> ContainerSpec:
    return ContainerSpec(
        image="x",
        labels=Labels("t", "r", "s"),
        user="65534:65534",
        memory_bytes=1 << 26,
        cpus=1.0,
        pids=8,
        tmpfs_bytes=1 << 20,
        file_bytes=1 << 20,
        open_files=32,
        cpu_seconds=1.0,
        output_bytes=1024,
        volumes=volumes,
    )


def test_a_folder_that_is_swapped_afterwards_stays_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "f").write_text("plain")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "f").write_text("secret")
    spec = spec_of(Volume(str(tmp_path / "shown"), "/in"))
    with staged(spec, "blockyard-swap", (), os.getpid()) as mounts:
        ((source, target, writable),) = mounts
        (tmp_path / "shown").rename(tmp_path / "kept")
        (tmp_path / "shown").symlink_to("secret")
        assert (Path(source) / "f").read_text() == "plain"
        assert (target, writable) == ("/in", False)
    assert not Path(source).exists()


@pytest.mark.parametrize(("writable", "mode"), [(False, "ro"), (True, "rw")])
def test_a_mount_runs_no_set_uid_program_and_opens_no_device(
    tmp_path: Path, writable: bool, mode: str
) -> None:
    volume = Volume(str(tmp_path), "/in", writable=writable)
    with staged(spec_of(volume), "blockyard-flags", (), os.getpid()) as mounts:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        options = next(line.split()[5].split(",") for line in lines if mounts[0][0] in line)
    assert {mode, "nosuid", "nodev"} <= set(options)


def test_others_cannot_look_into_the_folder_of_the_mounts(tmp_path: Path) -> None:
    with staged(spec_of(Volume(str(tmp_path), "/in")), "blockyard-mode", (), os.getpid()):
        assert STAGE.stat().st_mode & 0o777 == 0o700
        assert left_behind() == []


def test_an_engine_that_does_not_see_the_mount_is_refused(tmp_path: Path) -> None:
    spec = spec_of(Volume(str(tmp_path), "/in"))
    with (
        pytest.raises(ContainerError, match="does not see the platform's mounts"),
        staged(spec, "blockyard-blind", (), 2**22),
    ):
        pass
    assert not (STAGE / "blockyard-blind").exists()


@pytest.mark.parametrize("name", ["../blockyard-x", "other", "blockyard-a/../../x", ""])
def test_only_folders_of_ours_are_taken_away(name: str) -> None:
    unstage(name)
    assert STAGE.parent.is_dir()


def test_two_workers_take_away_what_a_dead_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "blockyard-twice"
    STAGE.mkdir(mode=0o700, exist_ok=True)
    (STAGE / name / "0").mkdir(parents=True)
    (STAGE / name / "owner").write_text("another-boot/1/1/1")
    unlink = Path.unlink

    def late(place: Path, *, missing_ok: bool = False) -> None:
        unlink(place)  # by the other
        unlink(place, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", late)
    unstage(name)
    assert not (STAGE / name).exists()
    unstage(name)
