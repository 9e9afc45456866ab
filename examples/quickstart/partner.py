"""A server of somebody else: it is asked by host blocks, and told by webhooks, whose signatures it verifies: partner.py PORT KEY-FILE."""

import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

port, key = int(sys.argv[1]), Path(sys.argv[2]).read_bytes().strip()


class Partner(BaseHTTPRequestHandler):
    """Prints what comes, and says thanks."""

    def do_POST(self) -> None:
        """Take a payment or a webhook."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = json.loads(body)
        if self.path == "/payments":
            right = hmac.compare_digest(self.headers["x-key"].encode(), key)
            print(f"a payment of {found['amount']}, with the key: {right}", flush=True)
        else:
            run = found["run"]
            told = f"{found['event']}: {run['workflow']} of {run['origin']}"
            print(f"{told}, signed: {self.signed(body)}", flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"thank you")

    def signed(self, body: bytes) -> bool:
        """Tell whether the body was signed with the key."""
        claim = dict(each.split("=") for each in self.headers["Blockyard-Signature"].split(","))
        text = f"{claim['t']}.".encode() + body
        return hmac.compare_digest(hmac.new(key, text, hashlib.sha256).hexdigest(), claim["v1"])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing else."""


print(f"listening on 127.0.0.1:{port}", flush=True)
HTTPServer(("127.0.0.1", port), Partner).serve_forever()
