"""The plan: an admitted document, frozen and ready to be interpreted.

Every template is parsed, every kind resolved, every duration in seconds. A plan holds no connection and, but for ``Own``,
nothing of one run; any number of runs may share it. One body a stage kind; the engine has one module for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blockyard_platform.templates import Template, constant
from blockyard_schemas.kinds import MAX_PARALLEL

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.retrying import Retry
    from blockyard_platform.secrets.references import Place
    from blockyard_platform.triggers.overlap import Group
    from blockyard_platform.triggers.reading import Triggers

NOTHING = constant(None)
FALSE = constant(value=False)
TRUE = constant(value=True)


@dataclass(frozen=True, slots=True)
class Empty:
    """Say something, wait a while. Inputs: echo, sleep."""

    inputs: Template


@dataclass(frozen=True, slots=True)
class Call:
    """Use a block; ``uses`` is the document's spelling. Inputs: the block's parameters; where ``secrets`` stand, they are ``None``."""

    uses: str
    inputs: Template
    secrets: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Python:
    """Run restricted Python in the guest. Inputs: the vars."""

    code: str
    inputs: Template


@dataclass(frozen=True, slots=True)
class Bash:
    """Run a script with bash in a jail. Inputs: env, hosts (those that it reaches)."""

    script: str
    inputs: Template


@dataclass(frozen=True, slots=True)
class Virtual:
    """Run full Python in a jail, with packages of its own. Inputs: vars, hosts.

    ``requirements`` are those of the document, ``python`` is the version that is asked for.
    """

    code: str
    requirements: tuple[str, ...]
    python: str | None
    inputs: Template


@dataclass(frozen=True, slots=True)
class Image:
    """Run a program of an image in a container. Inputs: image, tag, command (a list), env, volume, auth, pull, workdir, network."""

    inputs: Template


@dataclass(frozen=True, slots=True)
class Trigger:
    """Run another workflow of the plan's ``children``. Inputs: its params."""

    workflow: str
    inputs: Template


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep until a moment that a restart does not move. Inputs: the duration, or ``for`` or ``until``."""

    inputs: Template


@dataclass(frozen=True, slots=True)
class Approval:
    """Ask somebody. Inputs: message, approvers, timeout. ``form`` is the schema of the answer, ``on_timeout`` what silence means."""

    inputs: Template
    form: Mapping[str, Any]
    on_timeout: str = "fail"


@dataclass(frozen=True, slots=True)
class Raise:
    """Stop with a message. Inputs: the message."""

    inputs: Template


@dataclass(frozen=True, slots=True)
class Own:
    """Do something of the embedding program's own; no document has this. ``perform`` is given the run and the node path."""

    perform: Callable[[Run, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a case; ``value`` is ``None`` for the entry that holds when no other does."""

    value: Template | None
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Choose one list of stages. Inputs: the value that is compared."""

    inputs: Template
    matches: tuple[Match, ...]
    skip_not_match: Template = FALSE


@dataclass(frozen=True, slots=True)
class Foreach:
    """Run stages for each item. Inputs: items, concurrent, use-index-as-key, fail-fast."""

    inputs: Template
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Run branches side by side. Inputs: max-workers."""

    inputs: Template
    branches: tuple[tuple[str, tuple[Stage, ...]], ...]


@dataclass(frozen=True, slots=True)
class Until:
    """Run stages until a condition holds. Inputs: item, max-loop."""

    inputs: Template
    condition: Template
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """Run stages; when one fails, others; at the end, in any case, others."""

    body: tuple[Stage, ...]
    catch: tuple[Stage, ...] | None
    last: tuple[Stage, ...]


Nested = Case | Foreach | Parallel | Until | Try | Trigger
Body = Empty | Call | Python | Bash | Virtual | Image | Wait | Approval | Raise | Own | Nested
NESTED = (Case, Foreach, Parallel, Until, Try, Trigger)
"""Bodies that hold stages."""
WAITS = (Wait, Approval)
"""Bodies that do nothing but wait."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all kinds share, and the body of one. ``pointer`` is its place in the document."""

    id: str
    kind: str
    pointer: str
    body: Body
    condition: Template | None = None
    retry: Retry | Template | None = None
    timeout: float | Template | None = None
    continue_on_error: Template = FALSE
    always: Template = FALSE

    @property
    def bare(self) -> bool:
        """Whether nothing stands around the body: no condition, no retry, no timeout."""
        return self.condition is None and self.retry is None and self.timeout is None


@dataclass(frozen=True, slots=True)
class Strategy:
    """What a job is run for. Inputs: matrix, include, exclude; ``fail_fast`` ends the others when one fails."""

    inputs: Template
    max_parallel: int = MAX_PARALLEL
    fail_fast: Template = TRUE


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its stages, one after the other, when the jobs that it ``needs`` have ended as its ``rule`` says.

    ``prefix`` begins the node path of each of its stages; it is empty for a document's own ``stages``.
    """

    name: str
    stages: tuple[Stage, ...]
    prefix: str = ""
    needs: tuple[str, ...] = ()
    rule: str = "all_success"
    condition: Template | None = None
    strategy: Strategy | None = None
    retry: Retry | Template | None = None
    timeout: float | Template | None = None
    outputs: Template = NOTHING


@dataclass(frozen=True, slots=True)
class Plan:
    """An admitted document; ``params`` are the declarations.

    ``timeout`` is in seconds, ``max_parallel`` counts jobs at once. ``needs_guest`` tells whether any stage or expression is
    run in the guest. ``block_limits`` holds for each block that is used (by its name) how often it may be run in one run.
    ``children`` are the workflows that are triggered, at any depth, by name, and ``documents`` what they say, as plain data. ``asks`` is the place of a stage that asks for an approval.
    ``triggers`` and ``concurrency`` are for the service, which starts runs by itself; a run that was started does not look at them.
    """

    name: str
    jobs: tuple[Job, ...]
    params: Mapping[str, Any]
    outputs: Template = NOTHING
    timeout: float | None = None
    max_parallel: int = MAX_PARALLEL
    needs_guest: bool = False
    block_limits: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    children: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    documents: Mapping[str, Any] = field(default_factory=dict[str, Any])
    asks: str | None = None
    triggers: Triggers | None = None
    concurrency: Group | None = None
