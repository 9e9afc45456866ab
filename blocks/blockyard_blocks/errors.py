"""What goes wrong with blocks and catalogs.

BlockError                 a block ends its stage with a code of its choice
└── ArgumentsError         what a tenant gave does not fit the block's parameters
CatalogError (ValueError)  a catalog cannot be built: the admin's to put right
├── DeclarationError       a function cannot be a block as it is written
├── LoadError              a file, a module or an entry point cannot be loaded
├── NameClashError         two sources give a block of one name and version
└── MissingValueError      a host block wants a value that the catalog does not have
"""

from dataclasses import dataclass

from blockyard_schemas.statuses import Code


class BlockError(Exception):
    """Raised by a block to choose the code of its stage; ``message`` is what the tenant reads."""

    def __init__(self, code: Code, message: str) -> None:
        """Keep the code and the message."""
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the arguments: where (``items[1]``), what is expected, what came."""

    place: str
    expected: str
    got: str

    def __str__(self) -> str:
        """Return the fault in words."""
        return f"{self.place}: expected {self.expected}, got {self.got}"


class ArgumentsError(BlockError):
    """The arguments do not fit the parameters; ``faults`` says where, in the order of the parameters."""

    def __init__(self, block: str, faults: tuple[Fault, ...], code: Code) -> None:
        """Build the message from the block's name and the faults."""
        super().__init__(code, f"{block}: " + "; ".join(str(fault) for fault in faults))
        self.block = block
        self.faults = faults


class CatalogError(ValueError):
    """A catalog cannot be built."""


class DeclarationError(CatalogError):
    """A function cannot be a block; ``block`` is its name, ``source`` where it comes from."""

    def __init__(self, block: str, source: str, reason: str) -> None:
        """Build the message from the three."""
        super().__init__(f"block {block} of {source}: {reason}")
        self.block = block
        self.source = source
        self.reason = reason


class LoadError(CatalogError):
    """A source cannot be loaded; ``line`` counts from 1 and is ``None`` where there is none."""

    def __init__(self, source: str, reason: str, line: int | None = None) -> None:
        """Build the message from the three."""
        super().__init__(f"{source}{f', line {line}' if line else ''}: {reason}")
        self.source = source
        self.reason = reason
        self.line = line


class NameClashError(CatalogError):
    """Two sources give a block of one name and version; ``sources`` names both."""

    def __init__(self, reference: str, first: str, second: str) -> None:
        """Build the message from the block's reference and the two sources."""
        super().__init__(
            f"there are two blocks {reference}: one of {first}, one of {second}; "
            "rename one of them, or give it another version"
        )
        self.reference = reference
        self.sources = (first, second)


class MissingValueError(CatalogError):
    """A host block wants a value that the catalog does not have."""

    def __init__(self, block: str, source: str, names: tuple[str, ...]) -> None:
        """Build the message from the block and the names of the values."""
        wanted = ", ".join(f"'{name}'" for name in names)
        super().__init__(
            f"block {block} of {source} wants the value{'s' * (len(names) > 1)} {wanted}; "
            f"give {'them' if len(names) > 1 else 'it'} before the block is added, "
            "by Catalog.with_values({...}) or Catalog.of(..., values={...})"
        )
        self.block = block
        self.names = names
