"""The one exception of a conversion; it never leaves it."""


class NoEqualError(Exception):
    """Something that has no equal: what it is, and what to do."""

    def __init__(self, what: str, advice: str) -> None:
        """Keep both."""
        super().__init__(what)
        self.what = what
        self.advice = advice
