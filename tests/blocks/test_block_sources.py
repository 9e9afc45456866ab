"""Folders of Python files and installed packages as sources of blocks."""

import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest

from blockyard_blocks import Catalog, CatalogError
from blockyard_blocks.errors import DeclarationError, LoadError, MissingValueError, NameClashError

HEAD = "from dataclasses import dataclass\nfrom blockyard_blocks import block, Catalog\n\n\n"
SHOUT = (
    "@block(tags={'team'}, limit=2)\n"
    "def shout(*, text: str) -> str:\n"
    "    '''Shout a text.'''\n"
    "    return text.upper() + '!'\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.joinpath("voice.py").write_text(HEAD + SHOUT)
    return tmp_path


def test_each_file_is_a_category(folder: Path) -> None:
    catalog = Catalog.builtin().with_folder(folder)
    found = catalog.find("voice.shout")
    assert found is not None
    assert (found.tags, found.limit, found.source) == (
        frozenset({"team"}),
        2,
        str(folder / "voice.py"),
    )
    assert found.call({"text": "hey"}) == "HEY!"
    assert len(catalog) == len(Catalog.builtin()) + 1


def test_a_path_may_be_a_text_and_files_with_an_underscore_are_passed_over(folder: Path) -> None:
    folder.joinpath("_helper.py").write_text("raise SystemExit(1)")
    folder.joinpath("notes.txt").write_text("not Python")
    assert [found.name for found in Catalog().with_folder(str(folder))] == ["voice.shout"]


def test_nothing_is_put_on_the_path_and_no_module_is_hidden(folder: Path) -> None:
    folder.joinpath("json.py").write_text(HEAD + SHOUT)
    before = list(sys.path)
    with pytest.raises(NameClashError):
        Catalog().with_folder(folder).merge(Catalog().with_folder(folder))
    assert Catalog().with_folder(folder).find("json.shout") is not None
    assert sys.path == before
    assert hasattr(sys.modules["json"], "dumps")


def test_blocks_that_a_file_imports_are_not_its_own(folder: Path) -> None:
    folder.joinpath("more.py").write_text(
        HEAD + "from blockyard_blocks.families.text_shape import join, upper\n"
    )
    assert [found.name for found in Catalog().with_folder(folder)] == ["voice.shout"]


def test_a_dataclass_with_late_annotations_works_in_a_file(folder: Path) -> None:
    folder.joinpath("late.py").write_text(
        "from __future__ import annotations\n"
        + HEAD
        + "@dataclass(frozen=True)\nclass Pair:\n    left: int\n    right: int = 1\n\n\n"
        "@block()\ndef add(*, left: int) -> int:\n    '''Add one.'''\n"
        "    pair = Pair(left)\n    return pair.left + pair.right\n"
    )
    found = Catalog().with_folder(folder).find("late.add")
    assert found is not None
    assert found.call({"left": 2}) == 3
    assert found.interface.result == {"type": "integer"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError: '\\(' was never closed"),
        ("import math\n\n\ndef f():\n    return 1 / 0\n\n\nf()\n", 5, "ZeroDivisionError"),
        ("import nothing_like_this\n", 1, "ModuleNotFoundError: No module named"),
        ("raise SystemExit('bye')\n", 1, "SystemExit: bye"),
        ("x = '\x00'\n", None, "null bytes"),
    ],
)
def test_an_error_names_file_and_line(
    folder: Path, text: str, line: int | None, words: str
) -> None:
    folder.joinpath("wrong.py").write_text(text)
    with pytest.raises(LoadError, match=words) as caught:
        Catalog().with_folder(folder)
    assert caught.value.source == str(folder / "wrong.py")
    assert caught.value.line == line
    assert str(folder / "wrong.py") in str(caught.value)
    assert not [name for name in sys.modules if name.endswith("_wrong")]


def test_a_wrong_declaration_names_the_file(folder: Path) -> None:
    folder.joinpath("wrong.py").write_text(
        HEAD + "@block()\ndef f(text: str) -> str:\n    return text\n"
    )
    with pytest.raises(
        DeclarationError, match=r"block wrong\.f of .*wrong\.py: the parameter 'text'"
    ):
        Catalog().with_folder(folder)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no such folder"):
        Catalog().with_folder(tmp_path / "no")


def test_a_folder_takes_the_values_of_the_catalog(folder: Path) -> None:
    folder.joinpath("data.py").write_text(
        HEAD
        + "@block(runs='host')\ndef ask(context, db, *, key: str) -> str:\n    return db[key]\n"
    )
    with pytest.raises(MissingValueError, match="'db'"):
        Catalog().with_folder(folder)
    found = Catalog().with_values({"db": {"a": "b"}}).with_folder(folder).find("data.ask")
    assert found is not None
    assert found.call({"key": "a"}, context=None) == "b"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package on the path, as an installer leaves it; its entry points are still to be written."""
    package = tmp_path / "acme_blocks"
    package.mkdir()
    package.joinpath("__init__.py").write_text("")
    package.joinpath("voice.py").write_text(HEAD + SHOUT)
    package.joinpath("given.py").write_text(
        HEAD
        + "@block(name='acme.whole')\ndef whole(*, n: int) -> int:\n    '''Give it.'''\n    return n\n\n\n"
        "CATALOG = Catalog.of(whole)\n\n\n"
        "def build():\n    return CATALOG\n\n\n"
        "def module():\n    from acme_blocks import voice\n    return voice\n\n\n"
        "def broken():\n    raise OSError('no network')\n\n\n"
        "NUMBER = 3\n"
    )
    metadata = tmp_path / "acme_blocks-1.0.dist-info"
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-blocks\nVersion: 1.0\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    invalidate_caches()
    yield metadata / "entry_points.txt"
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_blocks"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("acme_blocks.voice", "voice.shout"),
        ("acme_blocks.given:module", "voice.shout"),
        ("acme_blocks.given:CATALOG", "acme.whole"),
        ("acme_blocks.given:build", "acme.whole"),
    ],
)
def test_an_entry_point_gives_its_blocks(installed: Path, target: str, name: str) -> None:
    installed.write_text(f"[blockyard.blocks]\nacme = {target}\n")
    catalog = Catalog.builtin().with_entry_points()
    assert name in catalog
    assert len(catalog) == len(Catalog.builtin()) + 1


def test_several_entry_points_are_merged(installed: Path) -> None:
    installed.write_text(
        "[console_scripts]\nx = y:z\n\n[blockyard.blocks]\n"
        "a = acme_blocks.voice\nb = acme_blocks.given\nc = acme_blocks.given:build\n"
    )
    assert [found.name for found in Catalog().with_entry_points()] == ["acme.whole", "voice.shout"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("acme_blocks.nothing", "ModuleNotFoundError"),
        ("acme_blocks.given:broken", "OSError: no network"),
        ("acme_blocks.given:NUMBER", "it gives a int; give a module, a Catalog, or a function"),
    ],
)
def test_an_entry_point_that_fails_is_named(installed: Path, target: str, words: str) -> None:
    installed.write_text(f"[blockyard.blocks]\nacme = {target}\n")
    with pytest.raises(LoadError, match=words) as caught:
        Catalog().with_entry_points()
    assert caught.value.source == f"the entry point acme = {target} of acme-blocks"


def test_without_entry_points_nothing_is_added(installed: Path) -> None:
    installed.write_text("[console_scripts]\nx = y:z\n")
    assert len(Catalog().with_entry_points()) == 0
