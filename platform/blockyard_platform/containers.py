"""What a policy says of a container stage: asked when a document is admitted, and again when the stage starts.

Each function raises StageFailureError with the code and the words that a problem, or the stage's record, will say.
"""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.image_names import ImageName, read_image
from blockyard_schemas.nearest import nearest
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_containers import Credentials, ImageRule, VolumeRule

_KEPT = ("/proc", "/sys", "/dev", "/etc", "/sbin/docker-init", "/.dockerenv", "/run/secrets")
"""Folders of a container that no volume may cover."""

_LONGEST = 4096
"""Characters of a path or a word."""


def fail(code: Code, message: str) -> StageFailureError:
    """Return a failure; a code that forbids is named with its number."""
    forbids = code.name.startswith("FORBIDDEN_")
    return StageFailureError(code, f"{message} ({code.name} {int(code)})" if forbids else message)


def image_of(image: Any, tag: Any, policy: Policy) -> tuple[ImageName, ImageRule]:
    """Return an image's exact name, and the first rule that allows it."""
    if not isinstance(image, str) or not (tag is None or isinstance(tag, str)):
        raise fail(Code.INVALID_TYPE, "image and tag are texts; write a tag in quotes")
    try:
        name = read_image(image, tag)
    except ValueError as error:
        raise fail(Code.INVALID_ARGUMENT, str(error)) from None
    for rule in policy.images:
        if rule.allows(name):
            return name, rule
    known = ", ".join(rule.name for rule in policy.images[:8]) or "none"
    raise fail(
        Code.FORBIDDEN_IMAGE,
        f"the policy does not allow the image {str(name)[:200]}; images that it names: {known}",
    )


def pull_of(pull: Any, name: ImageName, rule: ImageRule) -> str:
    """Return when the image is fetched; a rule that says always or never binds the document."""
    wanted = {True: "always", False: "never"}[pull] if isinstance(pull, bool) else pull
    if wanted is None or wanted == rule.pull:
        return rule.pull
    if wanted not in ("missing", "always", "never"):
        raise fail(Code.INVALID_ARGUMENT, "pull is missing, always or never")
    if rule.pull != "missing":
        raise fail(
            Code.FORBIDDEN_IMAGE,
            f"the policy fetches the image {name.repository} {rule.pull}; take pull out",
        )
    return str(wanted)


def credentials_of(
    auth: Any, name: ImageName, rule: ImageRule, policy: Policy
) -> Credentials | None:
    """Return the credentials that are shown to the image's registry, by their name in the document or the rule."""
    wanted = rule.credentials if auth is None else auth
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        message = (
            "credentials do not stand in a document; an admin names them in the policy: auth: NAME"
        )
        raise fail(Code.INVALID_TYPE, message)
    found = next((it for it in policy.credentials if it.name == wanted), None)
    if found is None:
        raise fail(Code.FORBIDDEN_IMAGE, _unknown("credentials", wanted, policy.credentials))
    if found.registry != name.registry:
        raise fail(
            Code.FORBIDDEN_IMAGE,
            f"the credentials '{found.name}' are for the registry {found.registry}, not for {name.registry}",
        )
    return found


def network_of(network: Any, policy: Policy) -> str | None:
    """Return the engine's name of a network that the policy names; without one there is none."""
    if network is None:
        return None
    if not isinstance(network, str):
        raise fail(Code.INVALID_TYPE, "network is the name of a network of the policy")
    if network == "none":
        return None
    found = next((it for it in policy.networks if it.name == network), None)
    if found is None:
        raise fail(Code.FORBIDDEN_HOST, _unknown("network", network, policy.networks))
    return found.network


def volumes_of(volume: Any, policy: Policy) -> list[tuple[VolumeRule, str]]:
    """Return the volumes that a document names, and where the container sees each."""
    if volume is None:
        return []
    if not is_mapping(volume):
        raise fail(Code.INVALID_TYPE, "volume is a mapping of the policy's volumes to paths")
    found: list[tuple[VolumeRule, str]] = []
    for name, target in volume.items():
        rule = next((it for it in policy.volumes if it.name == name), None)
        if rule is None:
            raise fail(Code.FORBIDDEN_VOLUME, _unknown("volume", name, policy.volumes))
        found.append((rule, _target(name, target)))
    _check_apart(target for _, target in found)
    return found


def _target(name: str, target: Any) -> str:
    if not isinstance(target, str):
        raise fail(Code.INVALID_TYPE, f"volume '{name}': the path in the container is a text")
    path = PurePosixPath(target)
    plain = target.rstrip("/") == str(path) and len(target) <= _LONGEST
    clean = not any(each in target for each in "\0:,\n") and "\\" not in target
    if not (target.startswith("/") and not target.startswith("//") and plain and clean):
        raise fail(
            Code.FORBIDDEN_VOLUME,
            f"volume '{name}': {target[:80]!r} is not an absolute, plain path such as /in",
        )
    if ".." in path.parts or path == PurePosixPath("/") or any(_meet(path, it) for it in _KEPT):
        raise fail(
            Code.FORBIDDEN_VOLUME,
            f"volume '{name}' cannot be at {target[:80]}: that is the container's own",
        )
    return str(path)


def _meet(path: PurePosixPath, other: str) -> bool:
    return path.is_relative_to(other) or PurePosixPath(other).is_relative_to(path)


def _check_apart(targets: Iterable[str]) -> None:
    """Refuse a volume in another one: what a container writes in the outer one would decide where the inner one lands."""
    seen: list[str] = []
    for target in targets:
        for other in seen:
            if _meet(PurePosixPath(target), other):
                message = f"two volumes are in each other: {other} and {target}"
                raise fail(Code.FORBIDDEN_VOLUME, message)
        seen.append(target)


def words_of(command: Any) -> tuple[str, ...] | None:
    """Return a command's words. Raises StageFailureError unless it is a list: a text that was computed is never cut into words."""
    if command is None:
        return None
    if not is_list(command):
        message = "a command that is computed is a list of words: command: [program, argument]"
        raise fail(Code.INVALID_TYPE, message)
    words = tuple(text_of(each) for each in command)
    if not words or any("\0" in word for word in words):
        raise fail(Code.INVALID_ARGUMENT, "a command has at least one word, and no NUL character")
    return words


def split_command(command: str) -> list[str]:
    """Return the words of a command that is written as one text, cut as a shell would, with nothing expanded. Raises ValueError."""
    return shlex.split(command)


def workdir_of(workdir: Any) -> str | None:
    """Return the folder in which the command begins: never one of the kernel's, through which it could leave the container."""
    if workdir is None:
        return None
    if not isinstance(workdir, str):
        raise fail(Code.INVALID_TYPE, "workdir is a text")
    path = PurePosixPath(workdir)
    kernels = any(path.is_relative_to(it) for it in ("/proc", "/sys", "/dev"))
    plain = workdir.startswith("/") and not workdir.startswith("//") and len(workdir) <= _LONGEST
    if not plain or ".." in path.parts or "\0" in workdir or kernels:
        raise fail(
            Code.INVALID_ARGUMENT,
            f"workdir: {workdir[:80]!r} is not an absolute, plain path outside of /proc, /sys and /dev",
        )
    return workdir


def _unknown(what: str, name: str, known: Iterable[Any]) -> str:
    names = [it.name for it in known]
    near = nearest(name, names)
    hint = f"did you mean '{near}'?" if near else f"it names: {', '.join(names[:8]) or 'none'}"
    return f"the policy names no {what} '{name[:80]}'; {hint}"
