"""A base image of this machine's own files: its interpreter, a shell, and the libraries that wheels are linked to."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from engines import Engine, import_image

BASE = "local/base:1"
_ASKED = (
    "import os,sys,sysconfig;print(os.path.realpath(sys.executable));"
    "print(sysconfig.get_path('stdlib'));print(sysconfig.get_path('platstdlib'))"
)
_LIBRARIES = (
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libnss_files.so.2",
    "libresolv.so.2",
)
_SKIPPED = ("site-packages", "dist-packages", "test", "__pycache__", "config-*", "idlelib")


def make_base(engine: Engine) -> str:
    """Make the image, and return its name."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        add_shell(root)
        _add_python(root)
        (root / "data").mkdir(exist_ok=True)
        import_image(engine, root, BASE, {})
    return BASE


def add_shell(root: Path) -> None:
    """Add the folders of a machine, and a shell with its usual programs."""
    # As Debian has it: what looks for /bin/bash finds it, wherever this machine has it.
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("etc", "proc", "sys", "dev", "var"):
        (root / name).mkdir()
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir()
        (root / name).chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
    applets = subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    add_files(root, {shutil.which("bash") or "", *linked([shutil.which("bash") or ""])})


def _add_python(root: Path) -> None:
    """Add the interpreter where it is here; a virtual environment is made of it, so that it must not be one itself."""
    program = Path(sys.base_prefix) / "bin" / "python3"
    told = subprocess.run([program, "-I", "-c", _ASKED], check=True, capture_output=True, text=True)
    real, *folders = told.stdout.split()
    skipped = shutil.ignore_patterns(*_SKIPPED)
    for each in {*folders, "/usr/share/python-wheels"}:
        if Path(each).is_dir():
            target = root / each.lstrip("/")
            shutil.copytree(each, target, ignore=skipped, dirs_exist_ok=True)
    parts = [real, *map(str, (root / folders[0].lstrip("/")).rglob("*.so"))]
    add_files(root, {real, *linked(parts), *_libraries()})
    for name in ("python3", "python"):
        place = root / "usr" / "bin" / name
        if not place.exists():
            place.symlink_to(real)


def _libraries() -> set[str]:
    told = subprocess.run(["ldconfig", "-p"], check=True, capture_output=True, text=True)
    rows = [
        line.split() for line in told.stdout.splitlines() if "x86-64" in line or "AArch64" in line
    ]
    found = {row[-1] for row in rows if row[0] in _LIBRARIES}
    return found | linked(sorted(found))


def linked(files: list[str]) -> set[str]:
    """Return the libraries that programs and libraries of this machine are linked to."""
    told: Any = subprocess.run(["ldd", *files], check=False, capture_output=True, text=True)
    return {word for word in told.stdout.split() if word.startswith("/") and not word.endswith(":")}


def add_files(root: Path, files: set[str]) -> None:
    """Copy files to the place below ``root`` that they have on this machine."""
    for each in files:
        target = root / each.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(each, target)
