"""What a proposed policy can change for a document; it stands alone, so that a client of the API can name it without the registry."""

from __future__ import annotations

from enum import StrEnum


class Change(StrEnum):
    """What becomes of a document."""

    REFUSED = "refused"
    """It is admitted now, and would not be."""
    ALLOWED = "allowed"
    """It is not admitted now, and would be."""
    STILL_ADMITTED = "still-admitted"
    STILL_REFUSED = "still-refused"
