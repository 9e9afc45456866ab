"""Requests to hosts on behalf of a tenant: every name, address, header and byte of them is checked."""
