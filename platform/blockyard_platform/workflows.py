"""Workflows by name: where the documents of triggered workflows come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from blockyard_platform.loading import load_document

if TYPE_CHECKING:
    from typing import TypeAlias

    from blockyard_platform.loading import Document
    from blockyard_schemas.reader import Source

    WorkflowsLike: TypeAlias = "Workflows | str | Path | Mapping[str, Document] | None"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}")
_ENDINGS = (".yaml", ".yml", ".json")


class Workflows(Protocol):
    """A source of documents by name."""

    def find(self, name: str, most: int) -> Source | None:
        """Return a document of at most so many bytes; ``None`` when there is none of the name.

        Raises InvalidDocumentError when it cannot be read.
        """

    def names(self) -> list[str]:
        """Return the names that there are, for messages."""
        ...


class Folder:
    """The files of one folder: a workflow's name is its file's, without .yaml, .yml or .json."""

    def __init__(self, path: Path) -> None:
        """Look at nothing yet."""
        self._path = path

    def find(self, name: str, most: int) -> Source | None:
        """Return the document of a file; a name can't lead out of the folder, nor can a link."""
        if not _NAME.fullmatch(name):
            return None
        for ending in _ENDINGS:
            file = self._path / (name + ending)
            if file.is_file() and file.resolve().parent == self._path.resolve():
                return load_document(file, most)
        return None

    def names(self) -> list[str]:
        """Return the names of the files."""
        if not self._path.is_dir():
            return []
        return sorted({file.stem for file in self._path.iterdir() if file.suffix in _ENDINGS})


class Given:
    """Documents that the embedding program hands over by name."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        """Keep them; each is read when it is needed."""
        self._documents = documents

    def find(self, name: str, most: int) -> Source | None:
        """Return a document."""
        found = self._documents.get(name)
        return None if found is None else load_document(found, most)

    def names(self) -> list[str]:
        """Return the names."""
        return sorted(self._documents)


class Kept:
    """The documents that a run keeps of what it triggers, in place of those that others have by now."""

    def __init__(self, read: Callable[[], Mapping[str, Any]], others: Workflows) -> None:
        """Read nothing yet; what ``read`` returns was accepted before, and is not judged by its length again."""
        self._read = read
        self._others = others

    @cached_property
    def _kept(self) -> Mapping[str, Any]:
        return self._read()

    def find(self, name: str, most: int) -> Source | None:
        """Return the document that is kept; the others' when the run has none of the name."""
        from blockyard_schemas.reader import Source

        found = self._kept.get(name)
        return self._others.find(name, most) if found is None else Source(found)

    def names(self) -> list[str]:
        """Return the names of all."""
        return sorted({*self._kept, *self._others.names()})


def load_workflows(workflows: WorkflowsLike) -> Workflows:
    """Return a source of documents: a folder's files, those of a mapping, or none."""
    if workflows is None:
        return Given({})
    if isinstance(workflows, str | Path):
        return Folder(Path(workflows))
    if isinstance(workflows, Mapping):
        return Given(workflows)
    return workflows
