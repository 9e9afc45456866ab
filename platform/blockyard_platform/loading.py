"""What the library is given: documents, policies, catalogs and journals in the forms that are handy in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from blockyard_platform.weight import weigh
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.reader import ReadLimits, Source, from_data, read

if TYPE_CHECKING:
    from os import PathLike
    from typing import TypeAlias

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.store.store import Store
    from blockyard_schemas.policy import Policy

    Document: TypeAlias = str | bytes | Path | Mapping[str, Any] | Source
    PolicyLike: TypeAlias = Policy | str | Path | Mapping[str, Any] | None
    JournalLike: TypeAlias = Store | str | PathLike[str] | None

DOCUMENT_BYTES = 1024 * 1024
"""The bound on documents of the policy for one person's own machine."""

_ENDINGS = (".yaml", ".yml", ".json")


def load_document(document: Document, most: int = DOCUMENT_BYTES) -> Source:
    """Read a document of at most so many bytes; raise InvalidDocumentError, or OSError for a file.

    A text of one line that ends in .yaml, .yml or .json is a path; any other text is the document itself. Of data that
    was built in Python, or read before, the size as JSON is estimated. A document of another system that is recognised is
    converted; when anything of it has no equal here, that is a problem.
    """
    if isinstance(document, str) and _is_path(document):
        document = Path(document)
    syntax: Literal["json"] | None = None
    if isinstance(document, Path):
        syntax = "json" if document.suffix == ".json" else None
        document = _bytes_of(document, most)
    if isinstance(document, bytes | str):
        _check_size(len(document), most)
        return _ours(read(document, limits=_limits(most), syntax=syntax))
    source = document if isinstance(document, Source) else from_data(dict(document))
    _check_size(weigh(source.data, most), most)
    return _ours(source)


def _ours(source: Source) -> Source:
    """Return a document as it is, or converted when it is surely one of another system."""
    from blockyard_platform.convert import convert, recognise

    system = recognise(source.data)
    if system is None:
        return source
    converted = convert(system, source)
    if converted.lost:
        hint = f"`blockyard convert --from {system}` writes the rest as a document"
        found = [replace(it, hint=f"{it.hint}; {hint}") for it in converted.lost]
        raise InvalidDocumentError(found)
    return from_data(converted.document)


def _limits(most: int) -> ReadLimits:
    """Return the bounds of a reading; a policy that allows longer documents allows more values, too."""
    usual = ReadLimits()
    times = max(1, most / usual.bytes)
    nodes, text = int(usual.nodes * times), int(usual.text * times)
    return replace(usual, bytes=most, nodes=nodes, text=text)


def _check_size(size: int, most: int) -> None:
    if size > most:
        message = f"the document is longer than the {most} bytes that the policy allows"
        problem = Problem("policy-limit", "", message, "split the workflow (policy document_kib)")
        raise InvalidDocumentError([problem])


def load_policy(policy: PolicyLike) -> Policy:
    """Return a policy; ``None`` is that for one person's own machine. Raises InvalidDocumentError, OSError."""
    import json

    from blockyard_schemas import policy as policies

    if policy is None:
        return policies.personal_policy()
    if isinstance(policy, policies.Policy):
        return policy
    if isinstance(policy, Mapping):
        return policies.load_policy(json.dumps(dict(policy)))
    if isinstance(policy, Path) or _is_path(policy):
        return policies.load_policy(Path(policy).read_bytes())
    return policies.load_policy(policy)


def load_catalog(catalog: Catalog | None) -> Catalog:
    """Return the catalog, or that of the built-in blocks and the platform's own host blocks."""
    if catalog is not None:
        return catalog
    from blockyard_platform.host_blocks import platform_catalog

    return platform_catalog()


def load_journal(journal: JournalLike) -> tuple[Store | None, bool]:
    """Return a store, and whether it was opened here; raise InvalidDocumentError when it cannot be."""
    if journal is None:
        return None, False
    from blockyard_platform.store.store import Store

    return (journal, False) if isinstance(journal, Store) else (Store(journal), True)


def _is_path(text: str) -> bool:
    return "\n" not in text and text.endswith(_ENDINGS)


def _bytes_of(path: Path, most: int) -> bytes:
    """Read no more of a file than is needed to see that it is too long."""
    with path.open("rb") as stream:
        return stream.read(most + 1)
