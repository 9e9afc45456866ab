"""What a policy says of scripts: packages of their environments, how those are built, and hosts that may be reached."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from blockyard_schemas.policy_base import WHOLE, Model, count, seconds
from blockyard_schemas.policy_containers import HostPath, Variable

PackagePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._*-]{0,99}$")]
Extra = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
HostPattern = Annotated[
    str, StringConstraints(pattern=r"^(\*\.)?[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")
]
IndexUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@/?#]+(/[^\s?#]*)?$")]


def _specifier(text: str) -> str:
    """Take what PEP 440 calls version specifiers; raise ValueError for anything else."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is no version specifier such as >=2,<3") from None


Versions = Annotated[str, StringConstraints(max_length=200), AfterValidator(_specifier)]


class PackageRule(Model):
    """Packages that documents may ask for."""

    name: PackagePattern
    """A package's name, however it is spelled, or a pattern such as team-*."""
    versions: Versions = ""
    """The versions that are allowed, such as >=2,<3; they hold for a package that another one brings along, too."""
    extras: tuple[Extra, ...] | Literal["*"] = ()
    """The extras that may be asked for; "*" stands for every one."""


class IndexRule(Model):
    """The package index, in place of the one that this machine's uv or pip is set up for."""

    url: IndexUrl
    """Its address, such as https://packages.example/simple; user and password do not stand in it."""
    username: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """The user."""
    password_env: Variable | None = None
    """The variable of the platform's environment that holds the password."""
    password_file: HostPath | None = None
    """The file that holds the password."""
    certificates: HostPath | None = None
    """A file with the certificates of authorities to be trusted."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        given = (self.password_env is not None) + (self.password_file is not None)
        if given != (self.username is not None):
            raise ValueError("index: a username comes with password_env or password_file")
        return self


class EnvironmentRules(Model):
    """How environments are resolved and built."""

    python: Versions = ""
    """The versions of Python that may be asked for, such as >=3.11."""
    fetch_python: bool = False
    """Whether uv may fetch an interpreter that this machine lacks."""
    wheels_only: bool = True
    """Whether packages that would have to be built are refused: building runs their code."""
    dependencies: Literal["any", "listed"] = "any"
    """Whether what a package brings along may be any package, or is allowed by a rule, too."""
    minimum_age_days: Annotated[float, Field(strict=True, ge=0, le=3_650, allow_inf_nan=False)] = (
        0.0
    )
    """Days that a release must have been out."""
    relock_hours: Annotated[float, seconds(87_600)] = 24.0
    """Hours for which what was resolved stands for later runs that ask the same."""
    size_mib: Annotated[int, count(1, 1_048_576), WHOLE] = 2_048
    """What one environment may take on disk, in MiB."""
    build_seconds: Annotated[float, seconds(86_400)] = 300.0
    """Seconds that resolving and building may take."""
    index: IndexRule | None = None
    """The package index."""


class HostRule(Model):
    """Hosts that scripts may reach."""

    host: HostPattern
    """A name such as api.example.com, *.example.com for all below one, or an address."""
    ports: Annotated[tuple[Annotated[int, count(1, 65_535), WHOLE], ...], Field(min_length=1)] = (
        443,
    )
    """The ports."""
    private: bool = False
    """Whether it may lie in a private network, or on this machine itself."""
