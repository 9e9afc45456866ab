"""What a proposed policy would change: the documents that there are, admitted under the policy in force and under the proposed one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from blockyard_platform.service.changes import Change
from blockyard_platform.service.judging import admit_under
from blockyard_platform.service.registry import workflows
from blockyard_platform.service.registry.paging import Ask, Page
from blockyard_schemas.reader import Source as Read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Database, Reading
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.problems import Problem

AT_ONCE = 10
"""Documents that are read from the database together: each can be a mebibyte."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document: ``reference`` says which, such as ``report@3`` or a run's id.

    ``accepted`` tells that it is JSON, and how long the text was that it is made of is not known any more.
    """

    reference: str
    text: str
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of a document; ``problems`` are those under the proposed policy."""

    reference: str
    change: Change
    problems: tuple[Problem, ...]


class Source(Protocol):
    """Where documents come from, page by page, those of one tenant alone."""

    def page(self, work: Reading, caller: Caller, tenant: str, ask: Ask) -> Page[Document]:
        """Return documents. Raises as the registry does."""
        ...


class StoredDocuments:
    """The stored workflows: their newest versions, or all."""

    def __init__(self, *, newest: bool) -> None:
        """Say which versions."""
        self._newest = newest

    def page(self, work: Reading, caller: Caller, tenant: str, ask: Ask) -> Page[Document]:
        """Return versions with their texts."""
        found = workflows.texts(work, caller, tenant, ask, newest=self._newest)
        items = tuple(Document(f"{it.name}@{it.version}", it.text) for it in found.items)
        return Page(items, found.next)


class Evaluation:
    """A policy in force, if there is one, and a proposed one, under one catalog with the same stored workflows."""

    def __init__(
        self,
        now: Policy | None,
        then: Policy,
        catalog: Catalog,
        stored: Workflows,
        secrets: Secrets | None = None,
    ) -> None:
        """Admit nothing yet."""
        self._now, self._then = now, then
        self._catalog = catalog
        self._stored = stored
        self._secrets = secrets

    def verdicts(self, documents: Iterable[Document]) -> Iterator[Verdict]:
        """Yield what becomes of each document."""
        for each in documents:
            problems = self._problems(self._then, each)
            admitted = self._now is not None and not self._problems(self._now, each)
            yield Verdict(each.reference, _change(was=admitted, will=not problems), problems)

    def _problems(self, policy: Policy, document: Document) -> tuple[Problem, ...]:
        text = document.text
        given = Read(json.loads(text)) if document.accepted else text.encode()
        found = admit_under(policy, self._catalog, given, self._stored, self._secrets)
        return found.admission.problems


def evaluate(
    evaluation: Evaluation,
    database: Database,
    caller: Caller,
    tenant: str,
    source: Source,
    ask: Ask,
) -> Page[Verdict]:
    """Return the verdicts on a page of a source's documents; no transaction is open while they are admitted."""
    found: list[Verdict] = []
    cursor = ask.after
    while len(found) < ask.limit:
        with database.reading() as work:
            some = Ask(cursor, min(AT_ONCE, ask.limit - len(found)))
            page = source.page(work, caller, tenant, some)
        found.extend(evaluation.verdicts(page.items))
        cursor = page.next
        if cursor is None:
            break
    return Page(tuple(found), cursor)


def _change(*, was: bool, will: bool) -> Change:
    if was:
        return Change.STILL_ADMITTED if will else Change.REFUSED
    return Change.ALLOWED if will else Change.STILL_REFUSED
