"""The facades: what ``import`` gives in a stage.

Each part chooses names from the standard library, one by one; what is not chosen does not exist.  The reason stands
beside each choice that needs one, and beside what was left out although people might miss it.
"""

from collections.abc import Iterator

from blockyard_sandbox.guest.facades import (
    containers,
    dates,
    encodings_of_data,
    functions,
    mathematics,
    records,
    regex,
    texts,
)
from blockyard_sandbox.guest.facades.part import Part, Tools


def parts(tools: Tools) -> Iterator[Part]:
    """Build every part."""
    yield mathematics.part()
    yield texts.part()
    yield regex.part()
    yield dates.part()
    yield encodings_of_data.part()
    yield containers.part(tools)
    yield functions.part(tools)
    yield records.part(tools)
