"""What can be wrong with a store."""

from __future__ import annotations

from blockyard_platform.errors import JournalError
from blockyard_schemas.problems import InvalidDocumentError, Problem


class StoreError(InvalidDocumentError):
    """The store cannot be used, or does not have what is asked for: a problem, as those of documents are."""

    def __init__(self, message: str, hint: str | None = None, rule: str = "store") -> None:
        """Make the problem."""
        super().__init__([Problem(rule, "", message, hint)])


class FencedError(JournalError):
    """Another process has taken the run over: this one must not write any more."""

    def __init__(self, run_id: str) -> None:
        """Say which run."""
        super().__init__(f"the run {run_id} was taken over by another process")
