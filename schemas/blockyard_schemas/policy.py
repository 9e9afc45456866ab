"""The policy: what one tenant may use, and how much of it. Deny by default; every number has a safe maximum."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from blockyard_schemas.kinds import Kind
from blockyard_schemas.policy_base import WHOLE as _WHOLE
from blockyard_schemas.policy_base import Model as _Model
from blockyard_schemas.policy_base import count as _count
from blockyard_schemas.policy_base import seconds as _seconds
from blockyard_schemas.policy_containers import (
    ContainerLimits,
    Credentials,
    ImageRule,
    NetworkRule,
    VolumeRule,
)
from blockyard_schemas.policy_messages import MailServer, Webhook
from blockyard_schemas.policy_packages import EnvironmentRules, HostRule, PackageRule
from blockyard_schemas.policy_retention import RetentionRules
from blockyard_schemas.policy_services import (
    Connection,
    FileRules,
    HttpRules,
    KvRules,
    SecretPattern,
    ServiceRules,
)
from blockyard_schemas.problems import InvalidDocumentError, Problem, pointer_of
from blockyard_schemas.reader import ReadLimits, Source, read

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*?-]{1,100}$")]
_DOCUMENT = ReadLimits(bytes=256 * 1024, nodes=20_000)


class StageLimits(_Model):
    """What one stage may use. A document's own ``timeout`` can only shorten ``wall_seconds``."""

    cpu_seconds: Annotated[float, _seconds(3_600)] = 10.0
    """Seconds of processor time."""
    wall_seconds: Annotated[float, _seconds(86_400)] = 30.0
    """Seconds on the clock."""
    memory_mib: Annotated[int, _count(32, 65_536), _WHOLE] = 256
    """Memory, in MiB."""
    processes: Annotated[int, _count(1, 1_024), _WHOLE] = 1
    """Processes and threads at once."""
    open_files: Annotated[int, _count(8, 4_096), _WHOLE] = 64
    """Files, pipes and sockets open at once."""
    file_mib: Annotated[int, _count(0, 65_536), _WHOLE] = 0
    """The largest file that may be written, in MiB."""
    scratch_mib: Annotated[int, _count(1, 65_536), _WHOLE] = 64
    """The private folder of a stage that starts programs, in MiB of memory."""
    output_kib: Annotated[int, _count(1, 65_536), _WHOLE] = 1_024
    """What may be printed, in KiB."""
    result_kib: Annotated[int, _count(1, 65_536), _WHOLE] = 1_024
    """The largest result, in KiB of JSON."""


class RunLimits(_Model):
    """What one run may use in all."""

    cpu_seconds: Annotated[float, _seconds(86_400)] = 300.0
    """Seconds of processor time of all its stages."""
    wall_seconds: Annotated[float, _seconds(2_678_400)] = 600.0
    """Seconds on the clock."""
    guests: Annotated[int, _count(1, 64), _WHOLE] = 4
    """Jailed processes at once."""


class Policy(_Model):
    """The policy of one tenant. What is left out is denied: an empty policy allows the empty stage alone."""

    name: Name = "policy"
    """What it is called in messages and records."""
    tags: frozenset[Tag] | Literal["*"] = frozenset()
    """A block may be used when all of its tags are here; "*" stands for every tag."""
    blocks: dict[Pattern, Annotated[int, _count(0, 1_000_000), _WHOLE] | None] = Field(
        default_factory=dict, max_length=1_000
    )
    """How often a run may use a block, by patterns such as text.*: the first that fits counts, over the block's
    own limit; null is without limit."""
    stages: frozenset[Kind] = frozenset({Kind.EMPTY})
    """The kinds of stages that are allowed."""
    steps: Annotated[int, _count(1, 100_000), _WHOLE] = 100
    """Stages that a document may declare, at all depths."""
    executed_steps: Annotated[int, _count(1, 10_000_000), _WHOLE] = 1_000
    """Stages that a run may execute, loops counted."""
    depth: Annotated[int, _count(1, 16), _WHOLE] = 4
    """How deep stages may be nested; 1 is a job's own."""
    foreach_items: Annotated[int, _count(1, 1_000_000), _WHOLE] = 1_000
    """Items of one foreach."""
    loop_iterations: Annotated[int, _count(1, 99), _WHOLE] = 10
    """Iterations of one until."""
    document_kib: Annotated[int, _count(1, 16_384), _WHOLE] = 256
    """The size of a document, in KiB."""
    code_kib: Annotated[int, _count(1, 4_096), _WHOLE] = 64
    """The size of one stage's code, in KiB."""
    # Parts that are left out are built without a validator, which each start would have to make.
    stage: StageLimits = StageLimits.model_construct()
    """What one stage may use."""
    run: RunLimits = RunLimits.model_construct()
    """What one run may use in all."""
    images: tuple[ImageRule, ...] = Field(default=(), max_length=1_000)
    """The images that container stages may use: the first rule that fits an image counts."""
    volumes: tuple[VolumeRule, ...] = Field(default=(), max_length=1_000)
    """The folders of the host that container stages may name."""
    networks: tuple[NetworkRule, ...] = Field(default=(), max_length=1_000)
    """The networks that container stages may name; without one they have none."""
    credentials: tuple[Credentials, ...] = Field(default=(), max_length=1_000)
    """What is shown to registries, by name."""
    container: ContainerLimits = ContainerLimits.model_construct()
    """What one container may use."""
    packages: tuple[PackageRule, ...] = Field(default=(), max_length=10_000)
    """The packages that virtual-python stages may ask for: the first rule that fits a name counts."""
    environment: EnvironmentRules = EnvironmentRules.model_construct()
    """How their environments are built."""
    hosts: tuple[HostRule, ...] = Field(default=(), max_length=1_000)
    """The hosts that bash and virtual-python stages may name, and http.request may ask; without one they have no network."""
    http: HttpRules = HttpRules.model_construct()
    """How http.request asks hosts."""
    kv: KvRules = KvRules.model_construct()
    """The tenant's keys and values."""
    files: FileRules = FileRules.model_construct()
    """The tenant's own files."""
    connections: tuple[Connection, ...] = Field(default=(), max_length=1_000)
    """The databases that sql.query may name."""
    mail: tuple[MailServer, ...] = Field(default=(), max_length=100)
    """The mail servers that email.send may name."""
    webhooks: tuple[Webhook, ...] = Field(default=(), max_length=1_000)
    """The URLs that notify.webhook may name."""
    secrets: tuple[SecretPattern, ...] = Field(default=(), max_length=1_000)
    """The tenant's secrets that documents may hand to host blocks, by name or by patterns such as CRM_*."""
    service: ServiceRules = ServiceRules.model_construct()
    """How a service treats the tenant's runs."""
    retention: RetentionRules = RetentionRules.model_construct()
    """How long a service keeps them."""
    isolation: Literal["full", "reduced"] = "full"
    """The least level of the jail: with "full" nothing runs where a layer is missing."""

    def allows_tags(self, tags: Iterable[str]) -> bool:
        """Whether a block with these tags may be used."""
        return self.tags == "*" or all(tag in self.tags for tag in tags)

    def allows_secret(self, name: str) -> bool:
        """Whether documents may hand the tenant's secret of this name to host blocks."""
        return any(fnmatchcase(name, pattern) for pattern in self.secrets)

    @property
    def admin_secrets(self) -> frozenset[str]:
        """The names, in full, of the admin's own secrets that this policy refers to."""
        found = [it.url_secret for it in self.connections]
        found += [it.secret for it in self.http.headers]
        found += [it.password_secret for it in self.mail]
        found += [each for it in self.webhooks for each in (it.url_secret, it.secret)]
        return frozenset(f"admin/{name}" for name in found if name is not None)

    def block_limit(self, name: str, own: int | None) -> int | None:
        """Return how often a run may use a block, given its own limit; ``None`` is without limit."""
        for pattern, limit in self.blocks.items():
            if fnmatchcase(name, pattern):
                return limit
        return own


def load_policy(text: bytes | str) -> Policy:
    """Read a policy in YAML or JSON; raise InvalidDocumentError with the places of all problems."""
    source = read(text, limits=_DOCUMENT)
    try:
        return Policy.model_validate(source.data)
    except ValidationError as error:
        raise InvalidDocumentError(_problems(source, error)) from None


def personal_policy() -> Policy:
    """Return the policy for one person's own machine: what a run uses when none is given.

    It is written out here and not validated, which spares each start the making of a validator (60 ms).
    """
    tags = "text math list dict logic object variable json csv date regex hash table"
    return Policy.model_construct(
        name="personal",
        tags=frozenset(tags.split()),
        stages=frozenset(Kind),
        steps=10_000,
        executed_steps=100_000,
        depth=8,
        foreach_items=10_000,
        loop_iterations=99,
        document_kib=1_024,
        code_kib=256,
        stage=StageLimits.model_construct(processes=32),
        packages=(PackageRule.model_construct(name="*", extras="*"),),
        secrets=("*",),
    )


def _problems(source: Source, error: ValidationError) -> list[Problem]:
    """Return what the schema of policies says, which has places and hints; else the model's own words."""
    from blockyard_schemas.compiler import compile_policy_schema
    from blockyard_schemas.validation import validate

    problems = validate(source, compile_policy_schema())
    if problems:
        return problems
    for each in error.errors(include_url=False):
        pointer = pointer_of(each["loc"])
        line, column = source.locate(pointer) or (None, None)
        problems.append(Problem("type", pointer, each["msg"], None, line, column))
    return problems
