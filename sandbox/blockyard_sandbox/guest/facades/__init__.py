"""The facades: what ``import`` gives in a stage.

Each part chooses names from the standard library, one by one; what is not chosen does not exist.  The reason stands
beside each choice that needs one.
"""

from collections.abc import Iterator

from blockyard_sandbox.guest.facades.part import Part, Tools


BASES: frozenset[type] = frozenset({object, dict, list})


def parts(tools: Tools) -> Iterator[Part]:
    """Build every part."""
    import json

    yield Part({"json": {"dumps": json.dumps, "loads": json.loads}, "math": {}, "re": {}})
