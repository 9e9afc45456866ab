"""http.request: one request to a host that the policy names."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from blockyard_blocks import UNSET, Context, Example, block

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_EXAMPLE = Example(
    {
        "url": "https://api.example.com/rates",
        "query": {"currency": "EUR"},
        "headers": {"authorization": "Bearer 123"},
    },
    {
        "status": 200,
        "url": "https://api.example.com/rates?currency=EUR",
        "headers": {"content-type": "application/json"},
        "body": {"EUR": 1},
        "format": "json",
    },
    varies=True,
)


@block(name="request", tags={"http"}, runs="host", examples=[_EXAMPLE])
async def request(
    context: Context,
    *,
    url: str,
    method: Method = "GET",
    query: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    json: Any = UNSET,
    text: str | None = None,
    form: dict[str, Any] | None = None,
    timeout: float = 30.0,
    max_bytes: int | None = None,
    follow: int = 5,
    raise_for_status: bool = False,
) -> dict[str, Any]:
    """Ask a host that the policy's hosts name, and return status, url, headers, body and format.

    The format says what the body is: json (data), text, or base64 (bytes that are neither). A status of 400 or more is a
    result as any other. What the policy does not allow fails with FORBIDDEN_HOST, too large an answer with
    RESULT_LIMIT, too slow a one with TIMEOUT.

    - url: an http or https address, without user and password
    - method: what to do with it
    - query: more of the query, by name: texts, numbers, true or false, null (left out), or lists of these
    - headers: headers by name; those of the connection itself cannot be set
    - json: the body as JSON
    - text: the body as text in UTF-8
    - form: the body as fields of a form, by name, as those of query
    - timeout: seconds that all of it may take
    - max_bytes: how large the body of the answer may be, up to the policy's stage.result_kib
    - follow: how many redirects to follow, 0 to 5; with 0 a redirect is the result
    - raise_for_status: whether a status of 400 or more fails the stage
    """
    from blockyard_platform.host_blocks.outgoing.asking import asked
    from blockyard_platform.host_blocks.outgoing.credentials import with_headers
    from blockyard_platform.host_blocks.outgoing.exchange import Bounds, exchange

    body = {"text": text, "form": form} | ({} if json is UNSET else {"json": json})
    ask = asked(method, url, query, headers or {}, body)
    bounds = Bounds.of(timeout, max_bytes, follow, context.policy)
    dress = partial(with_headers, context=context)
    return await exchange(ask, bounds, context.policy, dress, raise_for_status=raise_for_status)
