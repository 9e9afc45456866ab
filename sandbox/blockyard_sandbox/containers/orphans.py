"""What a worker that died has left: found by label, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_sandbox.containers.client import is_going, plain_errors
from blockyard_sandbox.containers.owner import HOLDER, OWNER, PREFIX, is_dead
from blockyard_sandbox.containers.staging import left_behind, unstage

if TYPE_CHECKING:
    from collections.abc import Collection


def remove_orphans(client: Any, holder: str, held: Collection[str]) -> list[str]:
    """Remove the containers of dead workers, with their volumes and mounts; return their names. Raises ContainerError.

    So are those of this ``holder`` that are not ``held`` any more: the engine was gone when they were to be removed. A container is
    ours when both its name and its label say so: an image can bring labels, and no name.
    """
    removed: list[str] = []
    with plain_errors("containers that were left"):
        ours: list[Any] = client.containers(all=True, filters={"label": [OWNER]})
        for each in ours:
            name = _name(each)
            labels: dict[str, str] = each["Labels"]
            let_go = bool(holder) and labels.get(HOLDER) == holder and name not in held
            if name is not None and (let_go or is_dead(labels[OWNER])):
                _remove(client, name)
                removed.append(name)
    for name in left_behind():
        unstage(name)
    return sorted(removed)


def _name(container: Any) -> str | None:
    names = [str(it).lstrip("/") for it in container.get("Names") or ()]
    return next((it for it in names if it.startswith(PREFIX)), None)


def _remove(client: Any, name: str) -> None:
    try:
        client.remove_container(name, v=True, force=True)
    except Exception as error:
        if not is_going(error):  # another worker may be at it as well
            raise
