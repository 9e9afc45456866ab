"""The lock file of the image pins what that of development pins, and all that the program needs."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[4]
PIN = re.compile(r"^([a-z0-9.-]+==[^ ;]+)", re.MULTILINE)


def pins(name: str) -> set[str]:
    return set(PIN.findall((ROOT / name).read_text()))


def test_what_the_image_installs_is_what_was_tested() -> None:
    tested, installed = pins("requirements.lock"), pins("requirements.server.lock")
    assert installed < tested
    assert not {it for it in installed if it.startswith(("pytest", "mypy", "pyright", "ruff"))}


def test_nothing_that_is_needed_is_left_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["otel"]]
    names = {it.partition("==")[0] for it in pins("requirements.server.lock")}
    assert {canonicalize_name(Requirement(it).name) for it in needed} <= names
