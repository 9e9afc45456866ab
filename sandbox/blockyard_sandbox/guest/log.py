"""The guest's standard output: text becomes log frames, soon but not one by one."""

import io
import time
from collections.abc import Callable

from blockyard_sandbox.guest.failures import OutputLimitError

FLUSH_SECONDS = 0.02
FLUSH_CHARACTERS = 4096


class LogStream(io.TextIOBase):
    """Collects what is printed and sends it on.

    The first print of a call goes out at once; later ones together, every 20 ms or 4 KiB at most,
    and the rest before the answer.  Outside a call everything written is dropped: a finaliser of user code
    may print at any moment.
    """

    def __init__(self, send: Callable[[int, str], None]) -> None:
        """Keep the function that sends one text for a call's number."""
        self._send = send
        self._call: int | None = None
        self._parts: list[str] = []
        self._held = 0
        self._left = 0
        self._due = 0.0
        self.exceeded = False

    def begin(self, call: int, limit: int) -> None:
        """Start a call that may print ``limit`` bytes of UTF-8."""
        self._call = call
        self._left = limit
        self._parts = []
        self._held = 0
        self._due = 0.0
        self.exceeded = False

    def end(self) -> None:
        """Send the rest and drop what comes after."""
        self.flush()
        self._call = None

    def drop(self) -> None:
        """Forget what is held: nobody listens any more."""
        self._call = None

    def writable(self) -> bool:
        """Say that text may be written."""
        return True

    def write(self, text: str, /) -> int:
        """Take text; raises OutputLimitError once the call's bytes are used up."""
        if self._call is None:
            return len(text)
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")
            size = len(text.encode("utf-8"))
        else:
            size = len(text)
        if size > self._left:
            self.exceeded = True
            raise OutputLimitError("the printed output reached its limit; print less")
        self._left -= size
        self._parts.append(text)
        self._held += size
        if self._held >= FLUSH_CHARACTERS or time.monotonic() >= self._due:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is held as one log frame."""
        if self._held and self._call is not None:
            text = "".join(self._parts)
            self._parts.clear()
            self._held = 0
            self._due = time.monotonic() + FLUSH_SECONDS
            self._send(self._call, text)
