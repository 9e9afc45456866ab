"""What dead workers have left is removed by whichever worker comes first, and the others go on."""

from typing import Any

import pytest
from docker.errors import APIError, NotFound  # type: ignore[import-untyped]

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.orphans import remove_orphans


class Engine:
    """An engine with one container of a worker of another boot, whose removal fails."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return [{"Names": ["/blockyard-x"], "Labels": {"blockyard.owner": "another-boot/1/1/1"}}]

    def remove_container(self, name: str, **_: object) -> None:
        raise self._failure


@pytest.mark.parametrize(
    "failure",
    [
        NotFound("no such container"),
        APIError("removal of container x is already in progress"),
    ],
)
def test_one_that_another_worker_removes_is_no_failure(failure: Exception) -> None:
    assert remove_orphans(Engine(failure), "holder", ()) == ["blockyard-x"]


def test_one_that_cannot_be_removed_is_a_failure() -> None:
    with pytest.raises(ContainerError, match="containers that were left: the disk is full"):
        remove_orphans(Engine(APIError("the disk is full")), "holder", ())
