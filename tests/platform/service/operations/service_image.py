"""The service's image, built from the Dockerfile on a base of this machine's files, with wheels in place of an index."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engines import Engine

from .base_image import make_base

ROOT = Path(__file__).parents[4]
IMAGE = "local/blockyard:1"
_WHEELS = "--no-index --find-links /source/wheels"


def build(engine: Engine, folder: Path) -> str:
    """Build the image, and return its name."""
    context = folder / "context"
    context.mkdir()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        place = ROOT / line.removeprefix("!")
        if line.startswith("!") and place.exists():
            skipped = shutil.ignore_patterns("__pycache__")
            if place.is_dir():
                shutil.copytree(place, context / place.name, ignore=skipped)
            else:
                shutil.copy(place, context)
    shutil.copy(ROOT / ".dockerignore", context)
    _fetch(context / "wheels")
    arguments = {"BASE": make_base(engine), "PIP_OPTIONS": _WHEELS}
    told: list[str] = []
    events: Any = engine.client.build(
        path=str(context), tag=IMAGE, rm=True, decode=True, network_mode="none", buildargs=arguments
    )
    for each in events:
        told.append(str(each.get("stream", each.get("error", ""))))
        if "error" in each:
            pytest.fail("".join(told)[-4_000:])
    return IMAGE


def _fetch(folder: Path) -> None:
    """Have pip fetch what is locked, with its hashes, as this machine is set up to do."""
    lock = str(ROOT / "requirements.server.lock")
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps")
    command = [sys.executable, "-m", "pip", "download", *options, "-r", lock, "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
