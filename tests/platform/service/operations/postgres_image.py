"""A stand-in for PostgreSQL's official image, made of this machine's own server: it takes the same variables and keeps the same folder."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from engines import Engine, import_image, unavailable

from ...store.postgres import programs
from .base_image import add_files, add_shell, linked

NAME = "local/postgres:1"
_DATA = "/var/lib/postgresql/data"
_PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_isready", "createdb", "psql")
# The compiler of queries and what it compiles: large, and not needed.
_SKIPPED = shutil.ignore_patterns("bitcode", "llvmjit*")


def make_postgres(engine: Engine) -> str:
    """Make the image, and return its name."""
    where = programs()
    if where is None or where.parts[:-2] != ("/", "usr", "lib", "postgresql"):
        unavailable("no PostgreSQL server of Debian's package on this machine")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        add_shell(root)
        files = [str(where / each) for each in _PROGRAMS]
        add_files(root, {*files, *linked(files)})
        shared = Path("/usr/share/postgresql") / where.parts[-2]
        for each in (where.parent / "lib", shared, Path("/usr/share/zoneinfo")):
            target = root / each.relative_to("/")
            shutil.copytree(each, target, symlinks=True, ignore=_SKIPPED)
        with (root / "etc" / "passwd").open("a") as users:
            users.write("postgres:x:999:999::/tmp:/bin/sh\n")
        for place in (_DATA, "/run/postgresql"):
            (root / place.lstrip("/")).mkdir(parents=True)
        (root / "var" / "run").symlink_to("/run")
        shutil.copy(Path(__file__).with_name("postgres_entrypoint.sh"), root / "entrypoint.sh")
        config: dict[str, Any] = {
            "Env": [f"PATH={where}:/usr/bin:/bin", f"PGDATA={_DATA}"],
            "Entrypoint": ["/entrypoint.sh"],
            "Cmd": ["postgres", "-c", "listen_addresses=*"],
            "StopSignal": "SIGINT",
            "Volumes": {_DATA: {}},
        }
        import_image(engine, root, NAME, config)
    return NAME
