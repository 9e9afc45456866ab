"""The command line in this process, with a real service to ask."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from blockyard_platform.cli.app import invoke

from ..client.conftest import either, postgres, service, service_postgres, tenant
from ..client.served import Served

__all__ = ["either", "postgres", "service", "service_postgres", "tenant"]


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object that it printed."""
        assert self.out.count("\n") == 1, self
        found: dict[str, Any] = json.loads(self.out)
        return found


Call: TypeAlias = Callable[..., Done]


class _Input(io.TextIOWrapper):
    """Standard input with a text."""

    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


@pytest.fixture
def bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return a function that calls the command line of somebody who has no account."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("SERVER", "TOKEN", "TENANT", "JOURNAL"):
        monkeypatch.delenv(f"BLOCKYARD_{name}", raising=False)

    def call(*words: object, given: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", _Input(given))
        code = invoke([str(word) for word in words])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return call


@pytest.fixture
def call(bare: Call, either: Served, tenant: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return the same for the platform's admin, who means the new tenant."""
    monkeypatch.setenv("BLOCKYARD_SERVER", either.url)
    monkeypatch.setenv("BLOCKYARD_TOKEN", either.token)
    monkeypatch.setenv("BLOCKYARD_TENANT", tenant)
    return bare
