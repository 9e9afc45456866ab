"""A service that dies in the middle of a stream and comes back, and one whose certificate is nobody's."""

import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from blockyard_platform.client import AsyncClient, Client, UnreachableError, UsageError
from blockyard_schemas.statuses import Status

from .scripted import Scripted, answer
from .served import Served, furnished

LONG = """
name: long
stages:
  - {id: a, run: "print(1)"}
  - {id: b, sleep: 3}
  - {id: c, run: "print(2)"}
"""
QUICK = {
    "BLOCKYARD_SERVICE_LEASE_SECONDS": "2",
    "BLOCKYARD_SERVICE_HEARTBEAT_SECONDS": "0.5",
}


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path, str(tmp_path / "blockyard.db"), settings=QUICK)
    found.start()
    yield found
    found.end(signal.SIGKILL)


def test_a_stream_survives_its_server(mortal: Served) -> None:
    furnished(mortal, "ant")
    seen: list[tuple[int, str]] = []
    with mortal.client("ant") as client:
        run = client.submit(LONG)
        for event in run.events():
            if not seen:
                mortal.end(signal.SIGKILL)
                mortal.start()
            seen.append((event.seq, event.kind))
        found = run.result(120)
    assert found.status is Status.SUCCESS
    numbers = [seq for seq, _ in seen]
    assert numbers == sorted(set(numbers))
    with mortal.client("ant") as client:
        assert numbers == [it.seq for it in client.list_events(run.id)]


async def test_the_other_stream_and_a_wait_do_so_too(mortal: Served) -> None:
    furnished(mortal, "ant")
    async with AsyncClient(mortal.url, mortal.token, tenant="ant") as client:
        run = await client.submit(LONG)
        stream = run.events()
        first = await anext(stream)
        mortal.end(signal.SIGKILL)
        mortal.start()
        rest = [it.seq async for it in stream]
        assert rest == sorted(set(rest))
        assert first.seq < rest[0]
        assert (await client.wait(run.id, timeout=120)).status is Status.SUCCESS


def test_a_certificate_that_nobody_signed_is_not_taken(tmp_path: Path) -> None:
    context, certificate = _certificate(tmp_path)
    live = answer('{"status":"ok"}')
    with Scripted([live], context) as server:
        url = server.url.replace("http:", "https:")
        with Client(url, "token") as client, pytest.raises(UnreachableError) as caught:
            client.get_live()
        assert (caught.value.hopeless, caught.value.hint) == (
            True,
            "name the authority that has signed it (ca)",
        )
        assert server.heads == []
    with Scripted([live], context) as server:
        url = server.url.replace("http:", "https:")
        with Client(url, "token", ca=certificate) as client:
            assert client.get_live().status == "ok"
        with Client(url.replace("127.0.0.1", "localhost"), "token", ca=certificate) as client:
            with pytest.raises(UnreachableError) as caught:
                client.get_live()
            assert caught.value.hopeless
    with pytest.raises(UsageError, match="cannot be read"):
        Client("https://127.0.0.1", "token", ca=tmp_path / "none")


def test_the_client_loads_no_server() -> None:
    code = "import sys, blockyard_platform.client as it; it.Client; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "dbos", "alembic", "yaml"}
    assert heavy.isdisjoint(modules)
    code = "import sys, blockyard_platform.client.errors; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"httpx", "pydantic"}.isdisjoint(modules)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with a certificate for 127.0.0.1, and the file of the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    import ipaddress

    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return context, certificate
