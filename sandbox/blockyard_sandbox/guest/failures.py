"""What goes wrong in the guest, and how it is told to the control plane.

GuestError                 a failure with its code, and where in the user's text it happened
├── SourceError            the text was refused before it ran; holds every finding
└── RestrictedCodeError    a guard refused something while the text ran (user code may catch it)
OutputLimitError           the printed output reached its limit (not an ``Exception``: `except Exception` can't hide it)

Codes are the names of the platform's statuses.  The guest knows them as text only: it imports
nothing of the house that holds it.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass

RESTRICTED = "RESTRICTED_CODE"
UNHANDLED = "UNHANDLED_EXCEPTION"
ASSERTION = "ASSERTION_ERROR"
ARGUMENT = "INVALID_ARGUMENT"
TYPE = "INVALID_TYPE"
MEMORY = "MEMORY_LIMIT"
OUTPUT = "OUTPUT_LIMIT"
RESULT = "RESULT_LIMIT"
EXPRESSION = "EXPRESSION_ERROR"

KNOWN = frozenset(
    {
        *(UNHANDLED, ARGUMENT, ASSERTION, TYPE, RESTRICTED, MEMORY, OUTPUT, RESULT, EXPRESSION),
        *("BLOCK_NOT_FOUND", "FORBIDDEN_BLOCK", "IF_CONDITION_FAILED", "RAISED", "EXIT_NONZERO"),
        *("BLOCK_LIMIT_EXCEED", "STEP_LIMIT_EXCEED", "KILLED_MANUALLY"),
        *("FILE_SIZE_LIMIT", "OPEN_FILES_LIMIT", "PROCESS_LIMIT"),
    }
)
"""The codes that an answer may bear."""

_BY_ERRNO = {
    errno.EFBIG: "FILE_SIZE_LIMIT",
    errno.EMFILE: "OPEN_FILES_LIMIT",
    errno.EAGAIN: "PROCESS_LIMIT",
}


class GuestError(Exception):
    """A failure that is the guest's to report: a code's name, words, the user's line and its text."""

    def __init__(
        self, code: str, message: str, *, line: int | None = None, text: str | None = None
    ) -> None:
        """Keep the four facts that an answer's ``error`` holds."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.text = text


@dataclass(frozen=True, slots=True)
class Finding:
    """One refusal in a source: the line (from 1), the words, and the line's text."""

    line: int | None
    message: str
    text: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the finding as the ``check`` operation prints it."""
        return {"line": self.line, "message": self.message, "text": self.text}


class SourceError(GuestError):
    """A source that was refused before it ran; the message lists every finding."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings; the first gives line and text."""
        self.findings = tuple(findings)
        first = self.findings[0]
        more = [f"line {item.line}: {item.message}" for item in self.findings[1:]]
        super().__init__(
            RESTRICTED, "\n".join([first.message, *more]), line=first.line, text=first.text
        )


class RestrictedCodeError(Exception):
    """A guard refused a read, a write or an import while the text ran."""


class OutputLimitError(BaseException):
    """The text printed more than it may."""


def code_of(error: BaseException) -> str:
    """Return the code of an exception that user code, or a block, let through."""
    if isinstance(error, GuestError):
        return error.code
    if isinstance(error, RestrictedCodeError):
        return RESTRICTED
    if isinstance(error, AssertionError):
        return ASSERTION
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OutputLimitError):
        return OUTPUT
    if isinstance(error, OSError) and type(error).__module__ == "builtins":
        return _BY_ERRNO.get(error.errno or 0, UNHANDLED)
    return UNHANDLED


def words_of(error: BaseException) -> str:
    """Return ``Name: message`` of an exception, whatever its own ``__str__`` does."""
    if isinstance(error, GuestError):
        return error.message
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        text = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 (the text of an exception of the user is user code)
        text = ""
    if isinstance(error, RestrictedCodeError):
        return _short(text)
    if isinstance(error, MemoryError) and not text:
        text = "the memory limit was reached"
    if isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit):
        return _short(f"{name}: {text} (a stage ends by reaching its last line)")
    return _short(f"{name}: {text}" if text else name)


def _short(text: str, limit: int = 2000) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return clean if len(clean) <= limit else clean[:limit] + " ..."
