"""What a call to a guest gives: a value, or the failure that says why there is none."""

from dataclasses import dataclass
from typing import Any, cast

from blockyard_sandbox.errors import ProtocolError
from blockyard_schemas.statuses import Code

TEXT = 4000
"""Characters of an error's message or source line that are kept."""

CLAIMABLE = frozenset(
    {
        *(
            Code.UNHANDLED_EXCEPTION,
            Code.BLOCK_NOT_FOUND,
            Code.INVALID_ARGUMENT,
            Code.ASSERTION_ERROR,
        ),
        *(Code.INVALID_TYPE, Code.IF_CONDITION_FAILED, Code.KILLED_MANUALLY, Code.RESTRICTED_CODE),
        *(
            Code.MEMORY_LIMIT,
            Code.OUTPUT_LIMIT,
            Code.RESULT_LIMIT,
            Code.EXPRESSION_ERROR,
            Code.RAISED,
        ),
        *(Code.EXIT_NONZERO, Code.PROCESS_LIMIT, Code.OPEN_FILES_LIMIT, Code.FILE_SIZE_LIMIT),
        *(Code.FORBIDDEN_BLOCK, Code.STEP_LIMIT_EXCEED, Code.BLOCK_LIMIT_EXCEED),
    }
)
"""The codes that a guest may claim for its own call; all others are the platform's to give."""


@dataclass(frozen=True, slots=True)
class GuestFailure:
    """Why a call failed: a code, words, and the line of the tenant's text (from 1) where known."""

    code: Code
    message: str
    line: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a call: ``error`` is ``None`` when ``value`` counts. ``cpu_seconds`` is what the call used."""

    value: Any
    error: GuestFailure | None
    cpu_seconds: float


def log_of(content: dict[str, Any]) -> str | None:
    """Return the text of a log frame, or ``None`` when the frame is an answer. Raises ProtocolError."""
    if "log" not in content:
        return None
    text = content["log"]
    if not isinstance(text, str) or content.keys() != {"id", "log"}:
        raise ProtocolError("a log frame of the wrong form")
    return text


def answer_of(content: dict[str, Any], cpu_seconds: float) -> Answer:
    """Return the answer that a frame holds. Raises ProtocolError."""
    if content.keys() == {"id", "value"}:
        return Answer(content["value"], None, cpu_seconds)
    error: Any = content.get("error")
    if content.keys() != {"id", "error"} or not isinstance(error, dict):
        raise ProtocolError("a frame that is neither a value nor an error")
    return Answer(None, _failure(cast("dict[str, Any]", error)), cpu_seconds)


def _failure(error: dict[str, Any]) -> GuestFailure:
    if error.keys() != {"code", "message", "line", "text"}:
        raise ProtocolError("an error of the wrong form")
    code = Code.__members__.get(error["code"]) if isinstance(error["code"], str) else None
    line, text, message = error["line"], error["text"], error["message"]
    if code not in CLAIMABLE or code is None or not isinstance(message, str):
        raise ProtocolError("an error with a code that a guest may not give")
    if not (line is None or (type(line) is int and 0 < line < 10_000_000)):
        raise ProtocolError("an error with a line that is none")
    if not (text is None or isinstance(text, str)):
        raise ProtocolError("an error with a text that is none")
    return GuestFailure(code, message[:TEXT], line, None if text is None else text[:TEXT])
