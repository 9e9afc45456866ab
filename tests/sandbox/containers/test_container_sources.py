"""The folders of volumes and the owners of containers, without an engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.owner import is_dead, this_owner
from blockyard_sandbox.containers.sources import forbidden_source, opened, trusted
from blockyard_sandbox.containers.spec import Volume

ME = (os.geteuid(), os.getegid())


def test_a_plain_folder_is_opened(tmp_path: Path) -> None:
    with opened(Volume(str(tmp_path), "/in"), (), ME) as folder:
        assert os.path.samestat(os.fstat(folder), tmp_path.stat())


def test_a_tenants_folder_is_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(Volume(str(tmp_path), "/in", "ada"), (), ME) as folder:
            assert os.readlink(f"/proc/self/fd/{folder}") == str(tmp_path / "ada")
    assert (tmp_path / "ada").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc"])
def test_a_tenants_folder_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ContainerError, match="cannot be the name of a folder"),
        opened(Volume(str(tmp_path), "/in", name), (), ME),
    ):
        pass


@pytest.mark.parametrize("source", ["/proc", "/sys/fs", "/", "/var", "/dev/shm", "/etc/x"])  # noqa: S108
def test_the_systems_folders_are_refused(source: str) -> None:
    assert forbidden_source(source) is not None


def test_what_holds_or_lies_in_a_folder_of_ours_is_refused() -> None:
    own = ("/srv/platform/runs.db",)
    assert forbidden_source("/srv/data", own) is None
    for source in ("/srv", "/srv/platform", "/srv/platform/runs.db", "/srv/platform/runs.db/x"):
        assert forbidden_source(source, own) == (
            "a volume may not be, hold, or lie in /srv/platform/runs.db"
        )
    assert forbidden_source("/srv/data/../platform") is not None


@pytest.mark.parametrize("kind", ["proc", "sysfs"])
def test_a_file_system_of_the_kernel_is_refused_wherever_it_is(tmp_path: Path, kind: str) -> None:
    if os.geteuid() != 0:
        assert trusted("/")
        return
    subprocess.run(["mount", "-t", kind, kind, str(tmp_path)], check=True)
    try:
        with (
            pytest.raises(ContainerError, match=f"of the kind '{kind}'"),
            opened(Volume(str(tmp_path), "/in"), (), ME),
        ):
            pass
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_path_that_others_may_change_is_not_trusted(tmp_path: Path) -> None:
    open_to_all = tmp_path / "loose"
    (open_to_all / "data").mkdir(parents=True)
    assert trusted(str(open_to_all / "data"))
    open_to_all.chmod(0o777)
    assert not trusted(str(open_to_all / "data"))
    open_to_all.chmod(0o1777)
    assert trusted(str(open_to_all / "data"))


def test_an_owner_is_dead_when_its_process_is_gone() -> None:
    code = "from blockyard_sandbox.containers.owner import this_owner; print(this_owner())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert is_dead(done.stdout.strip())
    assert not is_dead(this_owner())


@pytest.mark.parametrize("owner", ["", "x", "a/b/c/d", "a/1/2", "a/1/2/x", "/1/1/1", "a//1/1"])
def test_an_owner_that_cannot_be_read_is_left_alone(owner: str) -> None:
    assert not is_dead(owner)


def test_an_owner_of_another_namespace_is_left_alone() -> None:
    boot, _, pid, began = this_owner().split("/")
    assert not is_dead(f"{boot}/1/{pid}/{began}0")
    assert is_dead(f"another-boot/1/{pid}/{began}")
