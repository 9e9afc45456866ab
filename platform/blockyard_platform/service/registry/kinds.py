"""What a kill switch can stop; it stands alone, so that a client of the API can name it without the registry."""

from __future__ import annotations

from enum import StrEnum


class SwitchKind(StrEnum):
    """What a switch stops."""

    TENANT = "tenant"
    WORKFLOW = "workflow"
    BLOCK = "block"
    IMAGE = "image"
    PACKAGE = "package"
