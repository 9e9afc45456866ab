"""What a policy says of host blocks: how hosts are asked, a tenant's own keys and files, databases by name."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from blockyard_schemas.policy_base import WHOLE, Model, count, seconds
from blockyard_schemas.policy_containers import HostPath, Variable, Word


class HttpRules(Model):
    """How http.request asks the hosts that the policy names; an answer may be as large as a stage's result."""

    certificates: HostPath | None = None
    """A file with the certificates of authorities to be trusted, in place of those of the machine."""


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
    """A database that sql.query may name. Its URL, which holds the password, stands in a variable or a file of the platform."""

    name: Word
    """What documents call it."""
    url_env: Variable | None = None
    """The variable of the platform's environment that holds the URL, such as postgresql://user:password@host/database."""
    url_file: HostPath | None = None
    """The file that holds the URL."""
    read_only: bool = True
    """Whether the database is told to refuse every change."""
    max_rows: Annotated[int, count(1, 100_000), WHOLE] = 1_000
    """Rows of one result."""
    statement_seconds: Annotated[float, seconds(3_600)] = 10.0
    """Seconds that one statement may take."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError(f"connection '{self.name}': give url_env or url_file")
        return self
