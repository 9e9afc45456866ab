"""What can be known of container stages before they run: images, volumes, networks and credentials against the policy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from blockyard_platform import containers
from blockyard_platform.errors import StageFailureError
from blockyard_platform.placeholders import has_expression, texts
from blockyard_platform.plain import is_mapping
from blockyard_schemas.kinds import Kind, kind_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found
    from blockyard_schemas.policy import Policy


def check_containers(stages: Sequence[Found], policy: Policy, report: Report) -> None:
    """Report what the policy forbids (FORBIDDEN_IMAGE 130, FORBIDDEN_VOLUME 131, FORBIDDEN_HOST 133), and forms that cannot be."""
    if Kind.DOCKER not in policy.stages:
        return
    for found in stages:
        if kind_of(found.data) is Kind.DOCKER:
            _check_image(found, policy, report)
            _check_volumes(found, policy, report)
            _check_command(found, report)
            _try(found, "network", report, lambda it: containers.network_of(it, policy))
            _try(found, "workdir", report, containers.workdir_of)


def _check_image(found: Found, policy: Policy, report: Report) -> None:
    data = found.data
    if not _written(data["image"]) or not _written(data.get("tag")):
        if is_mapping(data.get("auth")):
            _try(found, "auth", report, _no_mapping)
        return

    def image(value: Any) -> Any:
        return containers.image_of(value, data.get("tag"), policy)

    allowed = _try(found, "image", report, image)
    if allowed is None:
        return
    name, rule = allowed
    _try(found, "pull", report, lambda it: containers.pull_of(it, name, rule))
    _try(found, "auth", report, lambda it: containers.credentials_of(it, name, rule, policy))


def _no_mapping(value: Any) -> None:
    raise StageFailureError(
        Code.INVALID_TYPE,
        "credentials do not stand in a document; an admin names them in the policy: auth: NAME",
    )


def _check_volumes(found: Found, policy: Policy, report: Report) -> None:
    volume = found.data.get("volume")
    if not is_mapping(volume):
        return
    count = len(report.problems)
    for name, target in volume.items():
        checked = {name: target if _written(target) else "/in"}
        place = (*found.pointer, "volume", name)
        _report(place, report, partial(containers.volumes_of, checked, policy))
    if len(report.problems) == count and _written(volume):
        _report((*found.pointer, "volume"), report, partial(containers.volumes_of, volume, policy))


def _check_command(found: Found, report: Report) -> None:
    command = found.data.get("command")
    place = (*found.pointer, "command")
    if not isinstance(command, str):
        return
    if not has_expression(command):
        try:
            words = containers.split_command(command)
        except ValueError as error:
            report.add("command", place, f"the command cannot be read: {error}", "write a list")
            return
        if not words:
            report.add("command", place, "the command is empty", "write a list of words")
    elif not (
        command.strip().startswith("${{")
        and command.count("${{") == 1
        and command.strip().endswith("}}")
    ):
        report.add(
            "command",
            place,
            "a command with expressions is a list, so that each value stays one word",
            "write command: [program, '${{ ... }}']",
        )


def _written(value: Any) -> bool:
    """Whether a value holds no expression."""
    return not any(True for _ in texts(value))


def _try(found: Found, key: str, report: Report, read: Callable[[Any], Any]) -> Any:
    value = found.data.get(key)
    if value is None or not _written(value):
        return None
    return _report((*found.pointer, key), report, lambda: read(value))


def _report(place: tuple[str | int, ...], report: Report, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except StageFailureError as error:
        if not report.knows(place):
            rule = error.code.name if error.code.name.startswith("FORBIDDEN_") else "container"
            report.add(rule, place, error.message)
        return None
