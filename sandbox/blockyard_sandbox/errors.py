"""Failures of the house. What a guest does wrong is never an exception: it is an answer's ``error``.

SandboxError
├── SandboxUnavailableError   a layer cannot be had, or the zygote cannot be started; nothing was run
│   └── ZygoteDiedError       the zygote has died before a guest was there; another may do better
└── ProtocolError             a guest sent what no sound guest sends; it is killed, and its call fails
"""


class SandboxError(Exception):
    """Whatever goes wrong in the sandbox's own part."""


class SandboxUnavailableError(SandboxError):
    """A layer that the policy asks for cannot be had on this machine; ``layer`` names it."""

    def __init__(self, layer: str, reason: str) -> None:
        """Keep the layer's name and the reason."""
        super().__init__(
            f"the sandbox cannot be had: layer '{layer}': {reason}; `blockyard doctor` tries each layer"
        )
        self.layer = layer
        self.reason = reason


class ZygoteDiedError(SandboxUnavailableError):
    """The zygote's process has ended, which says nothing of the next one's."""


class ProtocolError(SandboxError):
    """A frame that breaks the rules of the wire."""
