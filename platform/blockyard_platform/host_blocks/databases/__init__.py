"""Statements of tenants in databases that an admin has named, held back by the databases themselves."""
