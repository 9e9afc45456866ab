"""What a policy says of how long a tenant's things are kept."""

from __future__ import annotations

from typing import Annotated

from blockyard_schemas.policy_base import Model, seconds

Days = Annotated[float, seconds(36_500)]


class RetentionRules(Model):
    """For how many days what a service knows of runs is kept; null is for ever. What is under way is never forgotten."""

    runs_days: Days | None = 30.0
    """Runs with their records, outputs, logs and events, from their end."""
    logs_days: Days | None = 7.0
    """Log lines and events of runs, from the end of their run."""
    keys_days: Days | None = 7.0
    """Idempotency keys: for so long, a submission that is sent again is the same run."""
    deliveries_days: Days | None = 7.0
    """Deliveries to webhooks that have failed for good, from when they were made; one that arrived is forgotten at once, and one that waits is kept."""
