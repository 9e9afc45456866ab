"""Workflows of ddeutil-workflow as ours."""
