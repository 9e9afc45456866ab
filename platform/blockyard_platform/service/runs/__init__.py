"""Runs of tenants: submitted, looked at, cancelled, taken up again; their events, and what they wait for."""
