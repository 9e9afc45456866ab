"""Addresses, names and tokens that cannot be: nothing is sent, and no token is told."""

import logging
import traceback
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.client import ONCE, AsyncClient, Client, ClientError, UsageError
from blockyard_platform.client.address import checked_token, checked_url, segment
from blockyard_platform.client.place import Place

from .scripted import Scripted, answer

TOKEN = "by_0123456789abcdef_secretsecretsecret"  # noqa: S105


@pytest.mark.parametrize(
    ("url", "result"),
    [
        ("https://blocks.example", "https://blocks.example"),
        ("https://blocks.example:8443/", "https://blocks.example:8443"),
        ("https://blocks.example/behind/a-proxy/", "https://blocks.example/behind/a-proxy"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_taken(url: str, result: str) -> None:
    assert checked_url(url) == result


@pytest.mark.parametrize(
    "url",
    [
        "",
        "blocks.example",
        "ftp://blocks.example",
        "file:///etc/passwd",
        "https://",
        "https://user:word@blocks.example",
        "https://blocks.example@evil.example",
        "https://@blocks.example",
        "https://blocks.example?x=1",
        "https://blocks.example/#x",
        "https://blocks.example/../up",
        "https://blocks.example/a//b",
        "https://blocks.example/%2e",
        "https://blocks.example:port",
        "https://blocks.example:70000",
        "https://blocks example",
        "https://blocks.example\n",
        "https://blocks.example\\@evil",
        "https://blöcks.example",
        "https://[::1",
        "http://blocks.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
    ],
)
def test_an_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        checked_url(url)


def test_plain_http_beyond_this_machine_has_to_be_wanted() -> None:
    assert checked_url("http://server:8080", plaintext=True) == "http://server:8080"
    with pytest.raises(UsageError, match="would travel readable to server"):
        Client("http://server:8080", TOKEN)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "x" * 601, "\ud800"])
def test_a_name_stays_one_segment(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        segment("run", name)
    with pytest.raises(UsageError):
        Place(name).of(None, "runs")


@given(st.text(min_size=1, max_size=50))
def test_any_name_is_one_segment_or_none(name: str) -> None:
    try:
        found = segment("run", name)
    except UsageError:
        return
    assert found.isascii()
    assert not set(found) & set("/?#\\ \n")
    assert found not in (".", "..")


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Other: 1", "é", "x" * 201])
def test_a_token_that_cannot_be_is_not_told(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_token(token)
    assert not token or token not in str(caught.value)


def test_without_a_tenant_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with Client("http://127.0.0.1:1", TOKEN) as client, pytest.raises(UsageError, match="whose"):
        client.get_run("x")


def test_a_token_stands_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Scripted([answer('{"who": 1}'), b""]) as server:
        with Client(server.url, TOKEN, tenant="t", retry=ONCE) as client:
            texts = [repr(client), repr(vars(client)), str(client.place)]
            for _ in range(2):
                try:
                    client.get_me()
                except ClientError as error:
                    texts += [repr(error), *traceback.format_exception(error)]
        texts += [repr(AsyncClient(server.url, TOKEN))]
    assert "authorization: bearer" in server.heads[0].lower()
    assert TOKEN in server.heads[0]
    for text in [*texts, caplog.text]:
        assert "secretsecret" not in text


@pytest.mark.parametrize("text", ["", " x", "x\r\nX-Other: 1", "\u00e9", "\ud800", "x" * 1001])
def test_what_a_header_cannot_have_is_not_sent(text: str) -> None:
    with Client("http://127.0.0.1:1", TOKEN, tenant="t") as client:
        with pytest.raises(UsageError):
            client.get_schema(known=text)
        with pytest.raises(UsageError):
            client.submit("name: x", trace=text)
        if text:
            with pytest.raises(UsageError):
                client.submit("name: x", key=text)


def test_what_cannot_be_said_is_not_sent() -> None:
    with Client("http://127.0.0.1:1", TOKEN, tenant="t") as client:
        for call in (
            lambda: client.submit("name: x", params={"n": float("nan")}),
            lambda: client.submit("name: x", params={"n": object()}),
            lambda: client.validate_document("\ud800"),
            lambda: client.put_policy("{}", note="\ud800"),
            lambda: client.put_policy("{}", note="x" * 6_001),
            lambda: next(client.list_runs(since=datetime(2030, 1, 1))),
        ):
            with pytest.raises(UsageError):
                call()
