"""What a policy says of one document, wherever that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.admission import Admission, admit
from blockyard_platform.loading import load_document
from blockyard_platform.service.uses import NO_USES, Uses, uses_of
from blockyard_platform.store.rows import dumped
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import Source

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class Checked:
    """What a policy says of a document, with what the plan uses, and the document as JSON on one line."""

    admission: Admission
    uses: Uses = NO_USES
    document: str = ""


def admit_under(
    policy: Policy,
    catalog: Catalog,
    document: bytes | Source,
    workflows: Workflows,
    secrets: Secrets | None = None,
) -> Checked:
    """Say whether a text is admitted under a policy, and what its plan uses; or what was read of one before, however long it is."""
    source = document
    if not isinstance(source, Source):
        try:
            source = load_document(source, policy.document_kib * 1024)
        except InvalidDocumentError as error:
            return Checked(Admission(None, error.problems))
    found = admit(source, policy, catalog, workflows, secrets)
    if found.plan is None:
        return Checked(found)
    return Checked(found, uses_of(found.plan), dumped(source.data))
