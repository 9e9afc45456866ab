"""The settings of the service: closed, with safe defaults. ``configuring`` reads them from a file, variables and flags."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "BLOCKYARD_SERVICE_"
"""What the variables of the service begin with: BLOCKYARD_SERVICE_PORT."""

DATABASE_FILE = "blockyard.db"
KEYS_FILE = "keys"

_MIB = 1024 * 1024


def _listed(separator: str) -> BeforeValidator:
    """Take a text, as variables have it, for a list."""

    def split(value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for each in value.split(separator) if (part := each.strip()))
        return value

    return BeforeValidator(split)


def _slots() -> int:
    return max(2, os.cpu_count() or 1)


class Settings(BaseSettings):
    """All settings. Those that are given are taken as they are: nothing is read from variables here."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data: Path = Path("blockyard-data")
    """The folder for everything that the service keeps."""
    database: SecretStr | None = None
    """A file, or a database's URL (postgresql://...); without it, blockyard.db in the data folder."""
    database_password: SecretStr | None = None
    """The password of the URL's user, as it is: no character is escaped."""
    keys: Path | None = None
    """The file of the keys that seal secrets, made at the first start; without it, keys in the data folder."""
    admin_secrets: Path | None = None
    """A file of the secrets that policies refer to, by names that begin with admin/: in TOML, YAML or JSON, of mode 0600."""
    catalog: Annotated[tuple[Path, ...], NoDecode, _listed(os.pathsep)] = ()
    """Folders of Python files with more blocks."""
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port to listen on; 0 takes a free one."""
    public_url: Annotated[str, Field(max_length=1_000)] | None = None
    """Where others reach the service, such as https://blocks.example."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, _listed(",")] = ()
    """Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; none by default."""
    tls_certificate: Path | None = None
    """The certificate to serve HTTPS with."""
    tls_key: Path | None = None
    """The key of the certificate, without a password."""
    worker: bool = True
    """Whether runs are executed in this process."""
    slots: Annotated[int, Field(ge=1, le=1_000)] = Field(default_factory=_slots)
    """Runs that a worker executes at once; by default one for each processor, and two at least."""
    lease_seconds: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = 15.0
    """How long a worker that is not heard of keeps its runs."""
    heartbeat_seconds: Annotated[float, Field(ge=0.1, le=1_200, allow_inf_nan=False)] = 5.0
    """How often a worker says that it is there; at most half of the lease."""
    drain_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 20.0
    """How long runs that are under way may take to end when the service stops; the rest goes on elsewhere, or at the next start."""
    body_bytes: Annotated[int, Field(ge=1_024, le=64 * _MIB)] = 4 * _MIB
    """The longest body of a request."""
    request_seconds: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = 30.0
    """How long a body may take to come."""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Connections at once; more are answered with 503."""
    tenant_requests: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Requests of one tenant at once, streams among them; more are answered with 429."""
    page_rows: Annotated[int, Field(ge=1, le=500)] = 100
    """Rows of a page, where a request does not say."""
    metrics: bool = True
    """Whether there is /metrics."""
    metrics_token: SecretStr | None = None
    """The token that opens /metrics, beside those of the platform's own people."""
    metrics_tenants: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Tenants that have figures of their own; those that come later are counted together."""
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """The port on loopback at which `blockyard worker` shows its figures; without it, nowhere."""
    traces_endpoint: Annotated[str, Field(max_length=1_000)] | None = None
    """The collector of traces, such as http://127.0.0.1:4318/v1/traces; it needs blockyard[otel]."""
    traces_ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """The part of runs that is traced."""
    log_format: Literal["console", "json"] = "console"
    """How log lines are written."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level of log lines."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given alone; ``configuring`` says where it comes from."""
        return (init_settings,)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(each, strict=False)) for each in value)

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("write an address such as https://blocks.example")
        if parts.username is not None or parts.fragment:
            raise ValueError("an address that others are told has no password and no fragment")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together")
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("heartbeat_seconds is at most half of lease_seconds")
        if self.database_password is not None:
            user, _, _ = urlsplit(self._database).netloc.rpartition("@")
            if not user or ":" in user:
                raise ValueError(
                    "database_password is for a database such as postgresql://user@host/name,"
                    " with a user and without a password"
                )
        if not self.worker and self.on_one_machine:
            raise ValueError(
                "a server without a worker needs PostgreSQL, which workers share with it"
            )
        return self

    @property
    def place(self) -> str:
        """The database: a file's path, or a URL."""
        if self.database_password is None:
            return self._database or str(self.data / DATABASE_FILE)
        parts = urlsplit(self._database)
        user, _, host = parts.netloc.rpartition("@")
        password = quote(self.database_password.get_secret_value(), safe="")
        return parts._replace(netloc=f"{user}:{password}@{host}").geturl()

    @property
    def _database(self) -> str:
        return "" if self.database is None else self.database.get_secret_value()

    @property
    def on_one_machine(self) -> bool:
        """Whether the database is a file: then one process has it."""
        return "://" not in self.place or self.place.startswith("sqlite")

    @property
    def keys_file(self) -> Path:
        """The file of the keys."""
        return self.data / KEYS_FILE if self.keys is None else self.keys

    @property
    def tenants_folder(self) -> Path:
        """The folder for what tenants store with host blocks."""
        return self.data / "tenants"
