"""A PostgreSQL server of the tests' own: in a folder, on a socket, ended with them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_WAIT = ("-w", "-t", "300")
REQUIRED = os.environ.get("BLOCKYARD_REQUIRE") == "all"


def programs() -> Path | None:
    """Return the folder of the newest server's programs, wherever Debian or the PATH has them."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda it: int(it.parts[4])
    )
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return None if elsewhere is None else Path(elsewhere).parent


@contextmanager
def folder_for_all() -> Generator[Path]:
    """Yield a folder that the server's user may enter. Pytest's own is none: each run of it that begins closes that to all others."""
    with tempfile.TemporaryDirectory(prefix="pgdata") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def server(folder: Path) -> Generator[str]:
    """Run a server with its data in a folder; yield the URL of its database. Durability is left on."""
    owner = _owner()
    where = programs()
    assert where is not None
    data, sockets = folder / "data", tempfile.mkdtemp(prefix="pg")
    if owner is not None:
        for place in (folder, Path(sockets)):
            os.chown(place, owner.pw_uid, owner.pw_gid)
    _call(
        owner,
        str(where / "initdb"),
        "-D",
        str(data),
        "-U",
        "tests",
        "--auth=trust",
        "--encoding=UTF8",
    )
    options = f"-k {sockets} -c listen_addresses= -c unix_socket_permissions=0777"
    start = ("-D", str(data), "-o", options, "-l", str(folder / "log"), *_WAIT, "start")
    _call(owner, str(where / "pg_ctl"), *start)
    try:
        yield f"postgresql://tests@/postgres?host={sockets}"
    finally:
        _call(owner, str(where / "pg_ctl"), "-D", str(data), "-m", "immediate", *_WAIT, "stop")
        shutil.rmtree(sockets, ignore_errors=True)


def restart(folder: Path) -> None:
    """End the server of a folder as a power failure does, and start it again."""
    where = programs()
    assert where is not None
    log = ("-l", str(folder / "log"))
    _call(
        _owner(),
        str(where / "pg_ctl"),
        "-D",
        str(folder / "data"),
        "-m",
        "immediate",
        *_WAIT,
        *log,
        "restart",
    )


def _owner() -> pwd.struct_passwd | None:
    """Return whom the server runs as: it refuses to run as root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _call(owner: pwd.struct_passwd | None, *command: str) -> None:
    user = None if owner is None else owner.pw_uid
    group = None if owner is None else owner.pw_gid
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=group,
        cwd="/",
        extra_groups=None if owner is None else [],
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
