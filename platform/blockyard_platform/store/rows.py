"""Records as rows, and rows as records."""

from __future__ import annotations

import hashlib
import json
from time import time
from typing import TYPE_CHECKING, Any

from blockyard_platform.results import StageRecord
from blockyard_platform.store.tables import INLINE_BYTES
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from blockyard_platform.engine.journal import Marks


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def dumped(value: Any) -> str:
    """Return plain data as JSON, in ASCII: halves of surrogate pairs are no UTF-8, and NUL no text of PostgreSQL."""
    return _ENCODER.encode(value)


def fingerprint(params: Mapping[str, Any]) -> str:
    """Return the SHA-256 of params, whatever the order of their keys."""
    text = json.dumps(params, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def run_row(
    run_id: str, workflow: str, document: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a run that nobody has begun: whoever takes it up first begins it."""
    return {
        "id": run_id,
        "workflow": workflow,
        "document": dumped(document),
        "params": dumped(params),
        "fingerprint": fingerprint(params),
        "status": Status.WAIT.value,
        "epoch": 0,
        "created": time(),
    }


def row_of(record: StageRecord, marks: Marks) -> tuple[dict[str, Any], bytes | None]:
    """Return the row of a record, and its outputs apart when they are too long for a row."""
    outputs = dumped(record.outputs)
    blob, digest = None, None
    if len(outputs) > INLINE_BYTES:
        blob = outputs.encode("ascii")
        digest = hashlib.sha256(blob).hexdigest()
    row = {
        "path": record.path,
        "id": record.id,
        "kind": record.kind,
        "status": record.status.value,
        "code": int(record.code),
        "outputs": None if blob is not None else outputs,
        "blob": digest,
        "error": None if record.error is None else dumped(record.error),
        "started": record.started,
        "seconds": record.seconds,
        "attempts": record.attempts,
        "block": None if marks.use is None else "{}={}".format(*marks.use),
        "variables": None if marks.variables is None else dumped(marks.variables),
        "cpu_seconds": marks.cpu_seconds,
    }
    return row, blob


def record_of(row: Any, blob: bytes | None) -> StageRecord:
    """Return the record that a row, with its outputs from ``blobs`` where they stand there, holds."""
    outputs: Any = json.loads(row.outputs if blob is None else blob)
    return StageRecord(
        id=row.id,
        path=row.path,
        kind=row.kind,
        status=Status(row.status),
        code=Code(row.code),
        outputs=outputs,
        error=None if row.error is None else json.loads(row.error),
        started=row.started,
        seconds=row.seconds,
        attempts=row.attempts,
    )


def uses_of(rows: Iterable[Any], before: str) -> dict[str, int]:
    """Return how often each block was used: the highest count that a record, or what was kept ``before`` (JSON), tells."""
    found: dict[str, int] = json.loads(before)
    for row in rows:
        if row.block is not None:
            name, _, count = row.block.rpartition("=")
            found[name] = max(found.get(name, 0), int(count))
    return found
