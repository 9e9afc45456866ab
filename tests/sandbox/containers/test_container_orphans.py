"""What a dead worker has left, as two workers find it that begin at the same moment."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.orphans import remove_orphans
from blockyard_sandbox.containers.owner import OWNER

docker: Any = import_module("docker.errors")
LEFT: list[Any] = [{"Names": ["/blockyard-left"], "Labels": {OWNER: "another-boot/1/1/1"}}]


def client_that_says(error: Exception) -> Any:
    def remove_container(*_: Any, **__: Any) -> None:
        raise error

    def containers(**_: Any) -> list[Any]:
        return LEFT

    return SimpleNamespace(containers=containers, remove_container=remove_container)


@pytest.mark.parametrize(
    "error",
    [
        docker.NotFound("no such container"),
        docker.APIError("removal of container x is already in progress"),
    ],
)
def test_what_another_worker_removes_needs_no_removal(error: Exception) -> None:
    assert remove_orphans(client_that_says(error), "holder", ()) == ["blockyard-left"]


def test_what_cannot_be_removed_is_told() -> None:
    with pytest.raises(ContainerError, match="containers that were left"):
        remove_orphans(client_that_says(docker.APIError("device or resource busy")), "holder", ())
