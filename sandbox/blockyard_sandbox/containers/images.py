"""Images: from a name that a policy allows to the one image that will run, fetched when it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from blockyard_sandbox.containers.client import is_missing, plain_errors
from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.spec import Image
from blockyard_schemas.image_names import ImageName
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from blockyard_schemas.policy_containers import Credentials

Pull = Literal["missing", "always", "never"]


class Wanted(NamedTuple):
    """An image that a policy allows: its name, when to fetch it, with what, and the digests that it must have, if any."""

    name: ImageName
    pull: Pull = "missing"
    credentials: Credentials | None = None
    digests: tuple[str, ...] = ()


def forbid(message: str) -> ContainerError:
    """Return the error FORBIDDEN_IMAGE."""
    return ContainerError(Code.FORBIDDEN_IMAGE, f"{message} (FORBIDDEN_IMAGE 130)")


def resolve(client: Any, wanted: Wanted, tell: Callable[[str], None]) -> Image:
    """Return the image, by its own digest. ``tell`` is given lines of progress.

    Raises ContainerError: FORBIDDEN_IMAGE for another digest than the policy's, INVALID_ARGUMENT for one that cannot be had.
    """
    name = _reference(wanted.name)
    found = None if wanted.pull == "always" else find(client, name)
    if found is None and wanted.pull == "never":
        raise ContainerError(
            Code.INVALID_ARGUMENT,
            f"the engine does not have the image {wanted.name}, and pull is 'never'",
        )
    if found is None:
        _pull(client, wanted, tell)
        found = find(client, name)
    if found is None:
        raise ContainerError(Code.INVALID_ARGUMENT, f"the image {wanted.name} cannot be had")
    for digests in (wanted.digests, (wanted.name.digest,) if wanted.name.digest else ()):
        if digests and not {found[0].id, *found[1]} & set(digests):
            raise forbid(f"the image {wanted.name} has another digest: {found[1] or found[0].id}")
    return found[0]


def resolve_again(client: Any, wanted: Wanted, pinned: Image, tell: Callable[[str], None]) -> Image:
    """Return the very image that the run has begun with, fetched by its digest when the engine has lost it.

    Raises ContainerError (FORBIDDEN_IMAGE) when it cannot be had any more.
    """
    found = find(client, pinned.id)
    if found is None and pinned.digest is not None and wanted.pull != "never":
        name = wanted.name
        exact = ImageName(name.registry, name.path, None, pinned.digest)
        found = (resolve(client, wanted._replace(name=exact, pull="always"), tell), ())
    if found is None or found[0].id != pinned.id:
        raise forbid(f"the image {wanted.name} that this run began with is gone: {pinned.id}")
    return found[0]


def find(client: Any, reference: str) -> tuple[Image, tuple[str, ...]] | None:
    """Return an image that the engine has, and the digests of its manifests."""
    with plain_errors(f"the image {reference}"):
        try:
            told: dict[str, Any] = client.inspect_image(reference)
        except Exception as error:
            if is_missing(error):
                return None
            raise
    digests = tuple(str(it).partition("@")[2] for it in told.get("RepoDigests") or ())
    config: dict[str, Any] = told.get("Config") or {}
    folders = tuple(sorted(config.get("Volumes") or {}))
    identity = str(told["Id"])
    identity = identity if identity.startswith("sha256:") else f"sha256:{identity}"
    return Image(identity, digests[0] if digests else None, folders), digests


def _reference(name: ImageName) -> str:
    """Return what the engine finds an image by; the digest of a tagged image is compared afterwards."""
    return f"{name.repository}:{name.tag}" if name.tag else f"{name.repository}@{name.digest}"


def _pull(client: Any, wanted: Wanted, tell: Callable[[str], None]) -> None:
    name = wanted.name
    given = _secret(wanted)
    with plain_errors(f"fetching the image {name}", Code.INVALID_ARGUMENT):
        for line in _progress(
            client.pull(
                name.repository,
                tag=name.tag or name.digest,
                stream=True,
                decode=True,
                auth_config=given,
            ),
            name,
        ):
            tell(line)


def _progress(events: Iterable[dict[str, Any]], name: ImageName) -> Iterator[str]:
    """Yield a line for the beginning, each tenth of the way, and the end."""
    layers: dict[str, tuple[int, int]] = {}
    failure = None
    tenth = -1
    yield f"fetching {name}"
    for event in events:
        failure = str(event["error"]) if "error" in event else failure
        detail: dict[str, Any] = event.get("progressDetail") or {}
        if event.get("status") != "Downloading" or not detail.get("total"):
            continue
        layers[event.get("id", "")] = (int(detail.get("current", 0)), int(detail["total"]))
        done, whole = (sum(part) for part in zip(*layers.values(), strict=True))
        if done * 10 // whole > tenth:
            tenth = done * 10 // whole
            yield f"fetching {name}: {done * 100 // whole} % of {whole / 1_048_576:.1f} MiB"
    if failure is not None:  # told at the end, so that the connection is read to its own
        message = f"the image {name} cannot be fetched: {failure[:300]}"
        raise ContainerError(Code.INVALID_ARGUMENT, message)
    yield f"fetched {name}"


def _secret(wanted: Wanted) -> dict[str, str]:
    """Return what the registry is shown: an empty mapping, so that the machine's own logins are never used, or the credentials."""
    given = wanted.credentials
    if given is None:
        return {}
    if given.registry != wanted.name.registry:
        raise forbid(
            f"the credentials '{given.name}' are for {given.registry}, and the image is of {wanted.name.registry}"
        )
    return {"username": given.username, "password": _password(given)}


def _password(given: Credentials) -> str:
    if given.password_env is not None:
        password = os.environ.get(given.password_env)
        where = f"the variable {given.password_env}"
    else:
        where = f"the file {given.password_file}"
        try:
            password = Path(str(given.password_file)).read_text().rstrip("\r\n")
        except OSError:
            password = None
    if not password:
        raise ContainerError(
            Code.INVALID_ARGUMENT,
            f"the password of the credentials '{given.name}' is not there: an admin sets {where}",
        )
    return password
