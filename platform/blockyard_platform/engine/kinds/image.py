"""The container stage: a program of an image that the policy allows, closed in by the engine's own means."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blockyard_platform import containers
from blockyard_platform.engine.lines import Lines
from blockyard_platform.engine.stops import check_stopped
from blockyard_platform.engine.variables import variables_of
from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Image
    from blockyard_platform.results import Outputs
    from blockyard_sandbox.containers.images import Wanted
    from blockyard_sandbox.containers.spec import ContainerSpec, Ending
    from blockyard_sandbox.containers.spec import Image as Found

_KILLED = 128
"""What an engine adds to the number of the signal that killed a program."""


async def execute(run: Run, body: Image, scope: Scope, path: str) -> Outputs:
    """Run the image; what it prints is logged as it comes.

    The outputs are return_code, stdout, stderr and the image's digest, also when the stage fails: with EXIT_NONZERO,
    KILLED_BY_SIGNAL, or the limit that was hit.
    """
    from blockyard_sandbox.containers.errors import ContainerError

    inputs: dict[str, Any] = await run.fill(body.inputs, scope)
    wanted = _wanted(run, inputs)
    await check_stopped(run, "image", [str(wanted.name)], Code.FORBIDDEN_IMAGE)
    try:
        async with run.guests.place():
            _check_budget(run)
            spec, found = await _prepared(run, inputs, wanted, path)
            await run.start_effect(path)
            ending = await _run(run, spec, found, path)
    except ContainerError as error:
        raise StageFailureError(error.code, error.message, final=error.final) from error
    return _outputs(run, ending, found)


def _check_budget(run: Run) -> None:
    most = run.policy.run.cpu_seconds
    if run.guests.spent >= most:
        message = f"the run has spent its {most:g} CPU seconds (policy run.cpu_seconds)"
        raise StageFailureError(Code.CPU_LIMIT, message, final=True)


def _wanted(run: Run, inputs: dict[str, Any]) -> Wanted:
    from blockyard_sandbox.containers.images import Wanted

    policy = run.policy
    name, rule = containers.image_of(inputs.get("image"), inputs.get("tag"), policy)
    credentials = containers.credentials_of(inputs.get("auth"), name, rule, policy)
    pull: Any = containers.pull_of(inputs.get("pull"), name, rule)
    return Wanted(name, pull, credentials, rule.digests)


async def _prepared(
    run: Run, inputs: dict[str, Any], wanted: Wanted, path: str
) -> tuple[ContainerSpec, Found]:
    """Return all that is needed to start, checked, with the image there."""
    limits = run.policy.container
    spec = _spec(run, inputs, path)
    engine = run.house.engine()
    await engine.ready(limits.runtime)
    key = f"image {wanted.name}"
    pinned = _read_pin(run.pins.get(key))
    found = await engine.image(
        wanted, lambda line: run.log(path, line), limits.pull_seconds, pinned
    )
    if found.digest is not None:
        by_digest = f"{wanted.name.repository}@{found.digest}"
        await check_stopped(run, "image", [by_digest], Code.FORBIDDEN_IMAGE)
    if pinned is None:
        await run.pin(key, f"{found.id} {found.digest or ''}")
    return replace(spec, image=found.id), found


def _read_pin(text: str | None) -> Found | None:
    from blockyard_sandbox.containers.spec import Image as Found

    if text is None:
        return None
    identity, _, digest = text.partition(" ")
    return Found(identity, digest or None)


def _spec(run: Run, inputs: dict[str, Any], path: str) -> ContainerSpec:
    from blockyard_sandbox.containers.spec import ContainerSpec, Labels, Volume

    policy, limits = run.policy, run.policy.container
    return ContainerSpec(
        image="",
        labels=Labels(policy.name, run.view.run_id, path),
        user=limits.user,
        memory_bytes=limits.memory_mib << 20,
        cpus=limits.cpus,
        pids=limits.pids,
        tmpfs_bytes=limits.tmpfs_mib << 20,
        file_bytes=limits.file_mib << 20,
        open_files=policy.stage.open_files,
        cpu_seconds=policy.stage.cpu_seconds,
        output_bytes=policy.stage.output_kib * 1024,
        command=containers.words_of(inputs.get("command")),
        environment=variables_of(inputs.get("env"), container=True),
        workdir=containers.workdir_of(inputs.get("workdir")),
        volumes=tuple(
            Volume(rule.source, target, policy.name if rule.per_tenant else None, rule.mode == "rw")
            for rule, target in containers.volumes_of(inputs.get("volume"), policy)
        ),
        network=containers.network_of(inputs.get("network"), policy),
        runtime=limits.runtime,
    )


async def _run(run: Run, spec: ContainerSpec, found: Found, path: str) -> Ending:
    lines = {name: Lines(run.log, path) for name in ("stdout", "stderr")}
    seconds = run.policy.stage.wall_seconds
    try:
        async with asyncio.timeout(seconds):
            return await run.house.engine().run(
                spec, found, lambda name, text: lines[name](text), run.guests.spend
            )
    except TimeoutError:
        message = f"the container did not end within {seconds:g} s (policy stage.wall_seconds)"
        raise StageFailureError(Code.TIMEOUT, message) from None
    finally:
        for each in lines.values():
            each.end()


def _outputs(run: Run, ending: Ending, found: Found) -> Outputs:
    outputs: Outputs = {
        "return_code": ending.return_code,
        "stdout": ending.stdout,
        "stderr": ending.stderr,
        "digest": found.id,
    }
    run.usage.hold(outputs)
    failure = _failure(run, ending)
    if failure is None:
        return outputs
    raise StageFailureError(*failure, outputs=outputs)


def _failure(run: Run, ending: Ending) -> tuple[Code, str] | None:
    if ending.limit is Code.OUTPUT_LIMIT:
        most = run.policy.stage.output_kib
        return Code.OUTPUT_LIMIT, f"the container printed more than {most} KiB"
    if ending.limit is Code.MEMORY_LIMIT:
        most = run.policy.container.memory_mib
        return Code.MEMORY_LIMIT, f"the container used more than {most} MiB of memory"
    code = ending.return_code
    if code == 0:
        return None
    name = _signal(code - _KILLED)
    if name == "SIGXCPU":
        seconds = run.policy.stage.cpu_seconds
        return Code.CPU_LIMIT, f"the program used more than {seconds:g} CPU seconds"
    if name is not None:
        return Code.KILLED_BY_SIGNAL, f"the program was killed by {name}"
    return Code.EXIT_NONZERO, f"the program ended with {code}{_last_line(ending.stderr)}"


def _signal(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
