"""The folder of one tenant in the platform's folder for data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.containers import fail
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from pathlib import Path

    from blockyard_blocks import Context

MIB = 1024 * 1024


def tenant_folder(context: Context) -> Path:
    """Return the tenant's folder, made when it is missing; raise StageFailureError."""
    if context.data is None:
        raise fail(Code.UNHANDLED_EXCEPTION, "the platform has no folder for data")
    return made(made(context.data, "tenants"), context.tenant)


def made(folder: Path, name: str) -> Path:
    """Return a folder in another, both made when they are missing, for the platform's user alone; raise StageFailureError."""
    if "/" in name or name in ("", ".", ".."):  # which no name of a policy is
        raise fail(Code.UNHANDLED_EXCEPTION, f"{name!a} cannot be the name of a folder")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        message = f"the platform's folder for data cannot be used: {error.strerror}"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None
    return folder / name


def granted(quota_mib: int, what: str) -> int:
    """Return a quota in bytes; raise StageFailureError when the policy gives none."""
    if quota_mib == 0:
        raise fail(Code.FORBIDDEN_BLOCK, f"the policy gives this tenant no room ({what}.quota_mib)")
    return quota_mib * MIB
