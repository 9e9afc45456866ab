"""Runs of tenants with secrets of the registry: each has its own, and no table shows one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import policies, sealed
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.runs.orders import RefusedError
from blockyard_platform.service.sealing import sealer
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, POLICY, Place

VALUES = {"ant": "t0ken-of-the-ants", "bee": "t0ken-of-the-bees"}
ASK = """
name: ask
stages:
  - id: ask
    uses: http.request
    with: {url: "http://127.0.0.1:PORT/", headers: {x-token: {secret: TOKEN}}}
  - {id: say, echo: "${{ stages.ask.outputs.result.body }}"}
outputs: {body: "${{ stages.ask.outputs.result.body }}"}
"""


@pytest.fixture
def echo() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a host that answers with what it is sent, and what it was."""
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    head = b""
                    while b"\r\n\r\n" not in head and (more := connection.recv(65536)):
                        head += more
                    asked.append(head)
                    start = f"HTTP/1.1 200 OK\r\ncontent-length: {len(head)}\r\n\r\n"
                    connection.sendall(start.encode() + head)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _granted(here: Place, port: int) -> None:
    header = f"{{host: 127.0.0.1, ports: [{port}], secret: API, plain: true}}"
    more = f"hosts: [{{host: 127.0.0.1, ports: [{port}], private: true}}]\nsecrets: [TOKEN]\nhttp: {{headers: [{header}]}}\n"
    with here.database.writing() as work:
        for tenant, value in VALUES.items():
            policies.put(work, ADMIN, tenant, POLICY + more)
            own = Caller(tenant, Role.ADMIN, frozenset({ALL}))
            sealed.put(work, own, tenant, "TOKEN", value, sealer(here.keys))
            sealed.put(work, own, tenant, "OTHER", "never asked for", sealer(here.keys))


def test_each_tenant_has_its_own_and_nobody_sees_it(
    here: Place, echo: tuple[int, list[bytes]]
) -> None:
    port, asked = echo
    _granted(here, port)
    document = ASK.replace("PORT", str(port))
    for tenant, value in VALUES.items():
        run_id = here.submit(document, tenant)
        found = here.reach(run_id, tenant=tenant)
        assert found.row.status is Status.SUCCESS
        assert f"x-token: {value}".encode() in asked[-1]
        assert b"authorization: Bearer @dmin-0wn" in asked[-1]
        assert found.outputs is not None
        assert "x-token: ***" in found.outputs["body"]
        assert "authorization: Bearer ***" in found.outputs["body"]
        logged = [it.data["text"] for it in here.events(run_id, tenant) if it.kind == "log"]
        assert "x-token: ***" in "".join(logged)
    everything = _everything(here)
    assert "x-token: ***" in everything
    assert not [value for value in (*VALUES.values(), "@dmin-0wn") if value in everything]


def test_what_is_not_admitted(here: Place, echo: tuple[int, list[bytes]]) -> None:
    port, asked = echo
    _granted(here, port)
    document = ASK.replace("PORT", str(port))
    for name, told in (
        ("OTHER", "the policy does not allow the secret 'OTHER'"),
        ("admin/API", "cannot be the name of a secret"),
    ):
        with pytest.raises(RefusedError) as caught:
            here.submit(document.replace("TOKEN", name))
        assert told in caught.value.problems[0].message
    with here.database.writing() as work:
        sealed.delete(work, Caller("bee", Role.ADMIN, frozenset({ALL})), "bee", "TOKEN")
    with pytest.raises(RefusedError) as caught:
        here.submit(document, "bee")
    assert caught.value.problems[0].message.endswith("there is no secret 'TOKEN'")
    assert asked == []


def _everything(here: Place) -> str:
    """Return all rows of all tables, as text."""
    found: list[str] = []
    with here.database.engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'select * from "{name}"'))  # noqa: S608
            found += [_text(each) for row in rows for each in row]
    return "\n".join(found)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
