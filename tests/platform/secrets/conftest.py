"""Host blocks that are given secrets, and runs of one journal in which they are used."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, Context, block
from blockyard_platform import Event, Runner, RunResult
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec

TOKEN = "tk-5f0Zq8+Wm/27hRb"  # noqa: S105  (made up)
OTHER = "another of the values"
POLICY: dict[str, Any] = {
    "name": "acme",
    "tags": ["text"],
    "stages": ["empty", "call", "raise", "foreach", "parallel", "try", "trigger", "case", "wait"],
    "secrets": ["TOKEN", "CRM_*"],
}


@block(tags=set(), runs="host", name="host.take")
def take(context: Context, *, value: Any = None, more: Any = None) -> Any:
    """Give back what is given.

    - value: anything
    - more: anything
    """
    return {"value": value, "more": more}


@block(tags=set(), runs="host", name="host.see")
async def see(context: Context, *, value: str, seen: str) -> bool:
    """Return whether a value is what is expected, spelled backwards.

    - value: a text
    - seen: the text, backwards
    """
    return value == seen[::-1]


@block(tags=set(), runs="host", name="host.ask")
def ask(context: Context, *, name: str) -> str:
    """Return a secret that the block itself asks for.

    - name: its name
    """
    return context.secret(name)


class House:
    """Runs with secrets; all that is shown or kept of them is in ``seen``."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "runs.db"
        self.secrets: Any = GivenSecrets({"TOKEN": TOKEN, "CRM_KEY": OTHER, "HIDDEN": "h1dd3n!"})
        self.catalog = Catalog.builtin().merge(Catalog.of(take, see, ask))
        self.policy = POLICY
        self.workflows: Any = None
        self.seen: list[str] = []

    def runner(self) -> Runner:
        return Runner(
            policy=self.policy,
            catalog=self.catalog,
            journal=self.journal,
            secrets=self.secrets,
            workflows=self.workflows,
            # A sandbox that is given is not started before it is needed.
            sandbox=Sandbox(JailSpec()),
        )

    def _note(self, _: Any, event: Event) -> None:
        self.seen.append(json.dumps(event.as_dict()))

    async def go(self, *stages: Any, **more: Any) -> RunResult:
        """Run stages, or a document; note all events and the result."""
        params = more.pop("given", None)
        run_id = more.pop("run_id", None)
        document = {"name": "t", **({"stages": list(stages)} if stages else {}), **more}
        async with self.runner() as runner:
            result = await runner.run(document, params=params, run_id=run_id, on_event=self._note)
        self.seen.append(json.dumps(result.as_dict()) + repr(result.logs))
        return result

    async def resume(self, run_id: str, **more: Any) -> RunResult:
        """Take a run up again."""
        async with self.runner() as runner:
            result = await runner.resume(run_id, on_event=self._note, **more)
        self.seen.append(json.dumps(result.as_dict()) + repr(result.logs))
        return result

    def kept(self) -> str:
        """Return all that was shown, and all that the journal's files hold."""
        files = sorted(self.journal.parent.glob(self.journal.name + "*"))
        return "".join([*self.seen, *(path.read_bytes().decode("latin-1") for path in files)])


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a house with a journal of its own."""
    return House(tmp_path)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return what gives all that the platform has logged, with traces."""
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text
