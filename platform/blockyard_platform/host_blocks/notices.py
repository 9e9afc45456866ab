"""notify.webhook: data for a URL that the policy names, or a host that it allows, signed and tried again."""

from __future__ import annotations

from typing import Any

from blockyard_blocks import Context, Example, block

_EXAMPLE = Example(
    {"to": "chat", "data": {"text": "The report of January is ready."}},
    {"status": 200, "attempts": 1, "delivery": "5b1f2a"},
    varies=True,
)


@block(name="webhook", tags={"notify"}, runs="host", limit=100, examples=[_EXAMPLE])
async def webhook(
    context: Context,
    *,
    data: Any,
    to: str | None = None,
    url: str | None = None,
    secret: str | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 10.0,
) -> dict[str, Any]:
    """Post data as JSON, and return the status of the answer, how often it was tried, and the delivery's id.

    A delivery that meets no answer, or one such as 429 or 503, is tried again after longer and longer waits. Any other answer but 200 to 299
    fails the stage. A redirect is not followed. The id stands in the header Blockyard-Delivery, and is the same whenever this stage of this run
    delivers; with a secret there is Blockyard-Signature: t=SECONDS,v1=HEX, the HMAC-SHA256 of the seconds, a full stop and the body.

    - data: what is posted, as JSON
    - to: the name of one of the policy's webhooks
    - url: in place of it, the URL of a host that the policy's hosts name
    - secret: what signs a delivery to a URL, of at least 16 bytes; write {secret: NAME}
    - headers: more headers by name
    - timeout: seconds that one attempt may take
    """
    from blockyard_platform.host_blocks.notifying import Notice, notified

    return await notified(Notice(data, to, url, secret, headers or {}, timeout), context)
