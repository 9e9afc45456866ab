"""Steps that the tests of the manager run, here and in other processes."""

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from blockyard_platform.manager import Context, action


class Colour(Enum):
    RED = "r"


class Point(NamedTuple):
    x: int
    y: float


@dataclass(frozen=True, slots=True)
class Pair:
    left: Any
    right: Any


class Order(BaseModel):
    """A model whose field has another name outside."""

    number: int = Field(alias="no")
    price: Decimal = Decimal("1.10")
    parts: list["Order"] = Field(default_factory=list["Order"])


EVERYTHING = {
    "list": [1, [2, None], "é"],
    "decimal": Decimal("10.50"),
    "day": date(2026, 2, 3),
    "moment": datetime(2026, 2, 3, 4, 5, tzinfo=UTC),
    "bytes": b"\x00\xff",
    "model": Order(no=7, parts=[Order(no=8)]),
    "pair": Pair((1, 2), {3}),
    "point": Point(1, 2.5),
    "colour": Colour.RED,
    "keys": {1: "one", (2, 3): "two"},
}


def note(word: str) -> None:
    """Write down that something was done, in the file that the environment names."""
    with Path(os.environ["STEPS_DONE"]).open("a") as file:
        file.write(f"{word}\n")


def one() -> int:
    return 1


def add_one(previous_context: Context) -> Any:
    return previous_context.storage + 1


def show(initial_context: Context, previous_context: Context) -> list[Any]:
    return [initial_context.storage, previous_context.storage]


def everything() -> Any:
    return EVERYTHING


def fail() -> None:
    raise ValueError("no such file")


def assert_false() -> None:
    raise AssertionError("2 is not 3")


def leave() -> None:
    raise SystemExit(3)


def die() -> None:
    os._exit(9)


def process() -> int:
    return os.getpid()


def thread() -> str:
    return threading.current_thread().name


def large() -> str:
    return "x" * 1_000_000


def cannot_be_handed_over() -> Any:
    return lambda: 1


def hangs(initial_context: Context) -> None:
    """Write where it is done, and a word long after the timeout."""
    note(f"process-{os.getpid()}")
    time.sleep(initial_context.storage)
    note("hung")


hangs_and_is_stopped = action(timeout=0.3, retry=2, retry_delay=0.0)(hangs)


@action(timeout=0.1)
async def waits() -> None:
    await asyncio.sleep(30)


@action(retry=3, retry_delay=0.01, backoff=True)
def third_time() -> str:
    """Succeed at the third attempt in all."""
    note("tried")
    if Path(os.environ["STEPS_DONE"]).read_text().count("tried") < 3:
        raise OSError("busy")
    return "done"


async def coroutine(previous_context: Context) -> Any:
    await asyncio.sleep(0)
    return ["awaited", previous_context.storage]


async def own_timeout() -> None:
    raise TimeoutError("the socket's own")


@action
class Pipeline:
    """Two steps in their order, and a method that is none."""

    def __init__(self, initial_context: Context) -> None:
        self.start = initial_context.storage

    @action
    def extract(self) -> list[int]:
        return [self.start, self.start + 1]

    def helper(self) -> None:
        raise AssertionError

    @action(retry=2, retry_delay=0.0)
    def combine(self, previous_context: Context) -> int:
        note("combine")
        if Path(os.environ["STEPS_DONE"]).read_text().count("combine") == 1:
            raise OSError("busy")
        return sum(previous_context.storage)


class Unmarked:
    def run(self) -> None: ...


def wants_more(task: Any) -> None: ...
