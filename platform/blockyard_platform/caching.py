"""Where the platform keeps what it can make again, and which package index an admin has chosen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_sandbox.index.settings import IndexSettings
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_packages import IndexRule

VARIABLE = "BLOCKYARD_CACHE"
"""The variable of the platform that names the folder."""


def cache_folder() -> Path:
    """Return the folder for environments and fetched packages: BLOCKYARD_CACHE, or the user's cache folder (XDG base directories)."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "blockyard"


def index_settings(policy: Policy) -> IndexSettings:
    """Return the package index: the policy's, or the one that this machine's uv or pip is set up for. Raises InvalidDocumentError."""
    from blockyard_sandbox.index.settings import Index, IndexSettings

    rule = policy.environment.index
    if rule is None:
        return machine_index()
    index = Index(rule.url, rule.username, _password(rule))
    return IndexSettings((index,), rule.certificates, ())


def machine_index() -> IndexSettings:
    """Return the package index that this machine's uv or pip is set up for, or the public one."""
    from blockyard_sandbox.index.settings import machine_settings

    return machine_settings(os.environ, Path.home())


def _password(rule: IndexRule) -> str | None:
    if rule.password_env is not None:
        found = os.environ.get(rule.password_env)
        if found is None:
            raise _missing("password_env", f"the platform has no variable {rule.password_env}")
        return found
    if rule.password_file is not None:
        try:
            return Path(rule.password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise _missing("password_file", f"{rule.password_file}: {error.strerror}") from None
    return None


def _missing(key: str, message: str) -> InvalidDocumentError:
    return InvalidDocumentError(
        [Problem("policy", f"/environment/index/{key}", message, None, None, None)]
    )
