"""Dispatch: which run begins where, and what becomes of it when its worker dies.

``port`` is what the rest of the service knows; ``dispatcher`` holds it over DBOS, which only ``durable`` imports.
"""
