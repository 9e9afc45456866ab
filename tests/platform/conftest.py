"""What the tests of the platform share: one sandbox a module, and a short way to run stages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy, personal_policy

Go = Callable[..., Awaitable[RunResult]]
Watch = Callable[[Any, Any], None]


@pytest.fixture
def policy() -> Policy:
    """Return the policy for one person's own machine."""
    return personal_policy()


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    """Yield a runner with the personal policy; its sandbox starts when a test needs it."""
    async with Runner() as found:
        yield found


@pytest.fixture
def five_minutes_after() -> Callable[..., Watch]:
    """Return what makes an observer of events: once stages with these node paths have begun, the event loop's clock is five minutes ahead."""

    def watching(*paths: str) -> Watch:
        left = set(paths)

        def watch(_run: Any, event: Any) -> None:
            if event.kind == "stage-started" and event.path in left:
                left.remove(event.path)
                if not left:
                    loop = asyncio.get_running_loop()
                    clock = loop.time
                    setattr(loop, "time", lambda: clock() + 300)  # noqa: B010  (this test's loop alone)

        return watch

    return watching


@pytest.fixture
def go(runner: Runner) -> Go:
    """Return a coroutine function that runs stages, or a whole document, and returns the result."""

    async def run(stages: Any = None, **more: Any) -> RunResult:
        options = {
            key: more.pop(key) for key in list(more) if key.startswith("on_") or key == "given"
        }
        document = {"name": "t", **more}
        if stages is not None:
            document["stages"] = stages
        return await runner.run(document, params=options.pop("given", None), **options)

    return run
