"""Problems: what is wrong with a document, a policy or a call, and where.

A rule that has a number in :class:`~blockyard_schemas.statuses.Code` bears its name (``FORBIDDEN_BLOCK``);
all others are lower-case words (``unknown-key``, ``unsupported``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

REFUSALS = frozenset(
    {
        "FORBIDDEN_BLOCK",
        "FORBIDDEN_STAGE",
        "FORBIDDEN_IMAGE",
        "FORBIDDEN_VOLUME",
        "FORBIDDEN_PACKAGE",
        "FORBIDDEN_HOST",
        "FORBIDDEN_SECRET",
        "STEP_LIMIT_EXCEED",
        "BLOCK_LIMIT_EXCEED",
        "policy-limit",
        "stopped",
    }
)
"""The rules by which a policy, or a kill switch, refuses a document that is valid as such."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``pointer`` is a JSON pointer (RFC 6901) into the document, ``line`` and ``column`` count from 1 and are
    ``None`` where the text is not known (a document built in Python), ``hint`` says what to do.
    """

    rule: str
    pointer: str
    message: str
    hint: str | None = None
    line: int | None = None
    column: int | None = None

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the problem as the command line and the API print it."""
        return {
            "rule": self.rule,
            "pointer": self.pointer,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }


class InvalidDocumentError(ValueError):
    """A text that cannot be taken as a document, a policy or params; ``problems`` says why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems; the message is that of the first."""
        self.problems = tuple(problems)
        super().__init__(self.problems[0].message if self.problems else "invalid document")


def pointer_of(path: Iterable[str | int]) -> str:
    """Return the JSON pointer of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
