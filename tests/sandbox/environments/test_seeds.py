"""What uv asks of an interpreter first is kept once, whichever process was first."""

from pathlib import Path

import pytest

from blockyard_sandbox.environments.builder import keep_seed


def made(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "answer").write_text(text)
    return folder


def test_the_first_of_two_seeds_stays(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    for text in ("first", "second"):
        keep_seed(made(tmp_path / f"{text}.part", text), seed)
    assert (seed / "answer").read_text() == "first"
    assert list(tmp_path.iterdir()) == [seed]


def test_a_seed_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="seed"):
        keep_seed(made(tmp_path / "part", "x"), tmp_path / "nowhere" / "seed")
