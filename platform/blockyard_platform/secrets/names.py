"""The names of secrets; apart from the sealing, so that reading references does not load the cryptography."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
"""The names that a secret may have, in full (``NAME.fullmatch``)."""

ADMIN = "admin/"
"""What the names of the admin's own secrets begin with, which policies refer to: no name of a tenant's can."""
