"""file.read, file.write, file.list and file.delete: the files of one tenant, which its runs share."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

from blockyard_blocks import Context, Example, block
from blockyard_platform.host_blocks.stores.files import Files

_PATH = "reports/2026.csv"


@block(
    name="write",
    tags={"file"},
    runs="host",
    keeps=True,
    examples=[Example({"path": _PATH, "text": "a,b\n"}, {"path": _PATH, "size": 4})],
)
def write(
    context: Context,
    *,
    path: str,
    text: str | None = None,
    base64: str | None = None,
    overwrite: bool = True,
) -> dict[str, Any]:
    """Write a file of this tenant whole, and return its path and its size in bytes.

    - path: where, in parts such as reports/2026.csv; folders are made
    - text: what it holds, in UTF-8
    - base64: what it holds, as bytes in Base64
    - overwrite: whether a file that is there already is replaced, and not an error
    """
    if (text is None) == (base64 is None):
        raise ValueError("give text or base64, one of them")
    data = text.encode() if text is not None else _bytes(base64 or "")
    Files.of(context).write(path, data, replace=overwrite)
    return {"path": path, "size": len(data)}


@block(name="read", tags={"file"}, runs="host", examples=[Example({"path": _PATH}, "a,b\n")])
def read(context: Context, *, path: str, encoding: Literal["text", "base64"] = "text") -> str:
    """Return what a file of this tenant holds.

    - path: where, as for file.write
    - encoding: text for UTF-8, or base64 for bytes
    """
    most = context.policy.stage.result_kib * 1024
    data = Files.of(context).read(path, most)
    if encoding == "base64":
        return base64.b64encode(data).decode("ascii")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("the file is no text in UTF-8; read it as base64")
    return text


@block(
    name="list",
    tags={"file"},
    runs="host",
    examples=[
        Example({"path": "reports"}, [{"name": "2026.csv", "kind": "file", "size": 4}]),
    ],
)
def list_(context: Context, *, path: str = "", limit: int = 1000) -> list[dict[str, Any]]:
    """Return what a folder of this tenant holds, sorted: name, kind (file or folder) and size in bytes.

    - path: the folder, or nothing for the uppermost
    - limit: how many at most, 1 to 1000
    """
    return Files.of(context).listed(path, limit)


@block(name="delete", tags={"file"}, runs="host", examples=[Example({"path": _PATH}, True)])
def delete(context: Context, *, path: str) -> bool:
    """Delete a file or an empty folder of this tenant; return whether it was there.

    - path: where, as for file.write
    """
    return Files.of(context).delete(path)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64 is not Base64") from None
