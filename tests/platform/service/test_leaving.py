"""A server that is told to end is not held up by who only waits."""

import signal
from pathlib import Path

import httpx

from ..client.served import Served, furnished

PATIENCE = 120
ASKS = {"name": "asks", "stages": [{"id": "w", "wait": {"approval": {"message": "well?"}}}]}


def test_a_stream_ends_in_order_with_the_server(tmp_path: Path) -> None:
    service = Served(tmp_path, str(tmp_path / "runs.db"))
    service.start()
    try:
        furnished(service, "ant")
        with service.client("ant") as client:
            run = client.submit(ASKS)
        headers = {"Authorization": f"Bearer {service.token}"}
        path = f"{service.url}/api/v1/tenants/ant/runs/{run.id}/events/stream"
        with httpx.stream("GET", path, headers=headers, timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            while "event: run-parked" not in next(lines):
                pass
            assert service.process is not None
            service.process.send_signal(signal.SIGTERM)
            # A stream that is cut off raises.
            assert [it for it in lines if it.startswith("event:")] == []
        assert service.process.wait(timeout=PATIENCE) == 0
        assert "Cancel" not in (tmp_path / "log").read_text()
    finally:
        service.end(signal.SIGKILL)
