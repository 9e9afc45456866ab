"""Secrets: sealed at rest, referred to by name, and masked in everything that is shown or kept."""  # noqa: A005 - imports are absolute, so that nothing is hidden
