"""What a policy says of host blocks: how hosts are asked, a tenant's own keys and files, databases by name."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from blockyard_schemas.policy_base import WHOLE, Model, count, seconds
from blockyard_schemas.policy_containers import HostPath, Variable, Word
from blockyard_schemas.policy_packages import HostPattern

SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$")]
SecretPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_*?-]{1,100}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,128}$")]


class HttpHeader(Model):
    """A header that the platform adds to requests to a host, and that no tenant sees; it takes the place of a tenant's own."""

    host: HostPattern
    """A name such as api.example.com, *.example.com for all below one, or an address."""
    ports: Annotated[tuple[Annotated[int, count(1, 65_535), WHOLE], ...], Field(min_length=1)] = (
        443,
    )
    """The ports."""
    header: HeaderName = "authorization"
    """The name of the header."""
    secret: SecretName
    """The admin's secret that it holds."""
    prefix: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,100}$")] = "Bearer "
    """What stands before the secret."""
    plain: bool = False
    """Whether it is sent over http, too, where others may read it on the way."""


class HttpRules(Model):
    """How http.request asks the hosts that the policy names; an answer may be as large as a stage's result."""

    certificates: HostPath | None = None
    """A file with the certificates of authorities to be trusted, in place of those of the machine."""
    headers: Annotated[tuple[HttpHeader, ...], Field(max_length=1_000)] = ()
    """Headers that hosts are sent, such as their credentials."""


class KvRules(Model):
    """The keys and values of one tenant: kv.get, kv.set, kv.delete and kv.list."""

    quota_mib: Annotated[int, count(0, 65_536), WHOLE] = 0
    """What they may take in all, in MiB; with 0 the tenant has none."""


class FileRules(Model):
    """The files of one tenant: file.read, file.write, file.list and file.delete."""

    root: HostPath | None = None
    """The folder in which each tenant has one of its name; without it, a folder in the platform's own for data."""
    quota_mib: Annotated[int, count(0, 1_048_576), WHOLE] = 0
    """What they may take in all, in MiB; with 0 the tenant has none."""


class Connection(Model):
    """A database that sql.query may name. Its URL, which holds the password, is a secret, or stands in a variable or a file of the platform."""

    name: Word
    """What documents call it."""
    url_env: Variable | None = None
    """The variable of the platform's environment that holds the URL, such as postgresql://user:password@host/database."""
    url_file: HostPath | None = None
    """The file that holds the URL."""
    url_secret: SecretName | None = None
    """The admin's secret that holds the URL."""
    read_only: bool = True
    """Whether the database is told to refuse every change."""
    max_rows: Annotated[int, count(1, 100_000), WHOLE] = 1_000
    """Rows of one result."""
    statement_seconds: Annotated[float, seconds(3_600)] = 10.0
    """Seconds that one statement may take."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if [self.url_env, self.url_file, self.url_secret].count(None) != 2:
            raise ValueError(f"connection '{self.name}': give one of url_env, url_file, url_secret")
        return self


class ServiceRules(Model):
    """How a service treats the runs of one tenant; a run from the command line knows none of this."""

    concurrency: Annotated[int, count(1, 10_000), WHOLE] = 10
    """Runs at once."""
    queue: Annotated[int, count(1, 1_000_000), WHOLE] = 1_000
    """Runs that wait at once."""
    rate_per_minute: Annotated[int, count(1, 1_000_000), WHOLE] = 600
    """Runs that are accepted in a minute."""
    weight: Annotated[float, Field(strict=True, ge=0.01, le=100, allow_inf_nan=False)] = 1.0
    """The tenant's share of the slots beside others that wait."""
    log_kib: Annotated[int, count(1, 1_048_576), WHOLE] = 4_096
    """What is kept of one run's log lines and events, in KiB; what comes after is left out, and the log says so."""
