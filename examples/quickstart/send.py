"""Sends a signed webhook: send.py URL KEY-FILE JSON."""

import hashlib
import hmac
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

url, file, body = sys.argv[1], sys.argv[2], sys.argv[3].encode()
now = int(time.time())
text = f"{now}.".encode() + body
signature = hmac.new(Path(file).read_bytes().strip(), text, hashlib.sha256).hexdigest()
headers = {
    "Content-Type": "application/json",
    "Blockyard-Signature": f"t={now},v1={signature}",
}
try:
    with urlopen(Request(url, body, headers)) as answer:
        print(answer.status, answer.read().decode())
except HTTPError as error:
    print(error.code, error.read().decode())
