"""Attacks on container stages that a document may not even say: each is refused, and nothing is run."""

from typing import Any

import pytest
from container_stages import policy_of, refused
from engines import BUSYBOX

from blockyard_platform import validate
from blockyard_schemas.policy_containers import VolumeRule

DATA = VolumeRule(name="data", source="/srv/data")
MORE = VolumeRule(name="more", source="/srv/more")


@pytest.mark.parametrize(
    "volume",
    [
        {"/etc": "/in"},
        {"/": "/in"},
        {"..": "/in"},
        {".": "/in"},
        {"data/..": "/in"},
        {"data/sub": "/in"},
        {"DATA": "/in"},
        {"data ": "/in"},
        {"/var/run/docker.sock": "/in"},
        {"/proc": "/in"},
        {"/dev/sda": "/in"},
        {"C:\\": "/in"},
        {"data": "/"},
        {"data": "/proc"},
        {"data": "/proc/self"},
        {"data": "/sys/fs/cgroup"},
        {"data": "/dev"},
        {"data": "/dev/shm"},  # noqa: S108
        {"data": "/etc"},
        {"data": "/etc/passwd"},
        {"data": "/sbin"},
        {"data": "/sbin/docker-init"},
        {"data": "/in/../etc"},
        {"data": "/./proc"},
        {"data": "in"},
        {"data": ""},
        {"data": "//in"},
        {"data": "/in//x"},
        {"data": "/in:/etc:rw"},
        {"data": "/in,readonly=false"},
        {"data": "/in\n/etc"},
        {"data": "/in\\..\\etc"},
        {"data": "/" + "x" * 5000},
        {"data": "/in", "more": "/in"},
        {"data": "/in", "more": "/in/inner"},
        {"data": "/in/inner", "more": "/in"},
    ],
    ids=repr,
)
def test_a_volume_that_is_not_the_policys_is_refused(volume: dict[str, str]) -> None:
    found = refused({"image": BUSYBOX, "volume": volume}, policy_of(DATA, MORE))
    assert {rule for rule, _ in found} == {"FORBIDDEN_VOLUME"}
    assert all(pointer.startswith("/stages/0/volume") for _, pointer in found)


@pytest.mark.parametrize(
    "image",
    [
        {"image": "alpine"},
        {"image": "local/busybox"},
        {"image": "local/busybox:2"},
        {"image": "local/busybox", "tag": "latest"},
        {"image": "local/busybox@sha256:" + "0" * 64},
        {"image": "local/team/busybox:1"},
        {"image": "evil.example/local/busybox:1"},
        {"image": "localhost/local/busybox:1"},
        {"image": "busybox:1"},
        {"image": "docker.io/library/local:1"},
    ],
    ids=repr,
)
def test_an_image_that_is_not_the_policys_is_refused(image: dict[str, str]) -> None:
    assert refused(image) == [("FORBIDDEN_IMAGE", "/stages/0/image")]


@pytest.mark.parametrize(
    "image",
    [
        {"image": "LOCAL/busybox:1"},
        {"image": "local/../busybox:1"},
        {"image": "local//busybox:1"},
        {"image": "/local/busybox:1"},
        {"image": "local/busybox:1\n"},
        {"image": "local/busybox:1 --privileged"},
        {"image": "--privileged"},
        {"image": "local/busybox:1@sha256:short"},
        {"image": "local/busybox:1", "tag": "1"},
        {"image": "local/busybox", "tag": "1@sha256:" + "0" * 64},
        {"image": "local/busybox", "tag": "../1"},
        {"image": "sha256:" + "0" * 64 + "/x:1:2"},
        {"image": "l\u043ecal/busybox:1"},
        {"image": "local/" + "x" * 600},
    ],
    ids=repr,
)
def test_an_image_without_the_form_of_one_is_refused(image: dict[str, str]) -> None:
    assert {rule for rule, _ in refused(image)} <= {"container", "FORBIDDEN_IMAGE"}
    assert refused(image) != []


@pytest.mark.parametrize(
    "key",
    [
        *(
            "privileged",
            "cap_add",
            "cap-add",
            "user",
            "network_mode",
            "pid",
            "ipc",
            "uts",
            "userns_mode",
        ),
        *(
            "devices",
            "device_requests",
            "security_opt",
            "runtime",
            "entrypoint",
            "mounts",
            "volumes",
        ),
        *(
            "volumes_from",
            "ulimits",
            "hostname",
            "dns",
            "extra_hosts",
            "labels",
            "container_name",
            "init",
        ),
        *("sysctls", "tmpfs", "shm_size", "memory", "mem_limit", "cpus", "pids_limit", "read_only"),
        *(
            "restart",
            "log_driver",
            "links",
            "ports",
            "platform",
            "cgroup_parent",
            "oom_score_adj",
            "build",
        ),
    ],
)
def test_no_other_option_of_an_engine_can_be_named(key: str) -> None:
    assert ("unknown-key", f"/stages/0/{key}") in refused({"image": BUSYBOX, key: "x"})


@pytest.mark.parametrize(
    "network",
    [
        "host",
        "bridge",
        "default",
        "container:blockyard",
        "service:x",
        "ns:/proc/1/ns/net",
        "None",
        "",
    ],
)
def test_no_network_but_the_policys_can_be_named(network: str) -> None:
    assert refused({"image": BUSYBOX, "network": network}) == [
        ("FORBIDDEN_HOST", "/stages/0/network")
    ]


@pytest.mark.parametrize(
    "workdir",
    [
        "/proc/self/fd/8",
        "/proc",
        "/sys/../proc/1/cwd",
        "/srv/../proc",
        "relative",
        "",
        "..",
        "//proc/1",
        "/dev/fd/7",
    ],
)
def test_no_folder_of_the_kernel_is_a_working_directory(workdir: str) -> None:
    assert refused({"image": BUSYBOX, "workdir": workdir}) == [("container", "/stages/0/workdir")]


@pytest.mark.parametrize(
    "auth",
    [{"username": "ada", "password": "x"}, {}, "unknown", "../main", "/root/.docker/config.json"],
    ids=repr,
)
def test_credentials_are_names_of_the_policy(auth: Any) -> None:
    ((rule, pointer),) = refused({"image": BUSYBOX, "auth": auth})
    assert rule in ("container", "FORBIDDEN_IMAGE")
    assert pointer == "/stages/0/auth"


@pytest.mark.parametrize(
    "command", ["", "  ", "sh -c 'open", "echo ${{ params.x }}", "${{ params.x }} ${{ params.x }}"]
)
def test_a_command_is_never_pasted_together(command: str) -> None:
    document = {
        "name": "t",
        "params": {"x": "string"},
        "stages": [{"image": BUSYBOX, "command": command}],
    }
    (problem,) = validate(document, policy=policy_of()).problems
    assert (problem.rule, problem.pointer) == ("command", "/stages/0/command")


def test_without_the_kind_nothing_of_it_can_be_used() -> None:
    policy = policy_of().model_copy(update={"stages": frozenset({"empty"})})
    assert ("FORBIDDEN_STAGE", "/stages/0") in refused({"image": BUSYBOX}, policy)
