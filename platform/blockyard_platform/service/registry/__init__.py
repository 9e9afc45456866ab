"""The registry: what the service knows besides runs, in the database that the journal is in.

A :class:`~blockyard_platform.service.registry.database.Database` gives transactions. Every function takes one, and a
:class:`~blockyard_platform.service.registry.callers.Caller`, who sees and changes only what is theirs.
"""
