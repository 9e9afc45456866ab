"""The schema of what starts a workflow by itself, and of how many of its runs there are at once.

It says which keys there are and of what type. What a cron expression, a time zone or a path must be is the platform's to say,
which reads them; where such a node bears ``x-rule``, its errors are left to that.
"""

from __future__ import annotations

from blockyard_schemas.nodes import Schema, closed, one_of_types, ref

MOST_SCHEDULES = 10
"""Schedules of one document."""
MOST_AFTER = 20
"""Workflows after which one may start."""
MOST_PARAMS = 100
"""Params that a trigger gives."""
MOST_AT_ONCE = 1_000
"""Runs of a group at once."""
LONGEST_GROUP = 1_000
"""Characters of a group's key, before it is filled in."""
INTERVALS = ("daily", "weekly", "monthly")

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "allOf": [{"minLength": 1, "maxLength": 200, "x-rule": "on"}]}


def triggers() -> Schema:
    """Return the schema of ``on``."""
    after = one_of_types(string=_NAME, object=_after())
    many: Schema = {"type": ["array", "object", "string"], "maxItems": MOST_AFTER, "items": after}
    return closed(
        "on",
        {
            "schedule": {"type": "array", "maxItems": MOST_SCHEDULES, "items": _schedule()},
            "webhook": _webhook(),
            "after": one_of_types(string=_NAME, object=_after(), array=many),
        },
    )


def concurrency() -> Schema:
    """Return the schema of ``concurrency``: the key of a group, or a mapping with it."""
    key: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_GROUP}
    group = closed(
        "concurrency",
        {
            "group": key,
            "max": {"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE},
            "cancel-in-progress": {"type": "boolean"},
        },
        ("group",),
    )
    return one_of_types(string=key, object=group | {"type": ["object", "string"]})


def _schedule() -> Schema:
    common: Schema = {
        "timezone": _TEXT,
        "missed": {"enum": ["skip", "once", "all"]},
        "overlap": {"enum": ["allow", "skip", "queue", "replace"]},
        "params": _params(),
    }
    cron = closed("a schedule", {"cron": _TEXT, "cronjob": _TEXT, **common})
    # One of the two: which words to say for it, the reader of triggers knows.
    cron["allOf"] = [
        {"oneOf": [{"required": ["cron"]}, {"required": ["cronjob"]}], "x-rule": "on"},
    ]
    times: Schema = {"day": {"type": ["string", "integer"]}, "time": _TEXT}
    interval = closed(
        "an interval", {"interval": {"enum": list(INTERVALS)}, **times, **common}, ("interval",)
    )
    return {"if": {"required": ["interval"]}, "then": interval, "else": cron}


def _webhook() -> Schema:
    styles = {"enum": ["timestamped", "github"]}
    signature = closed("a signature", {"style": styles, "header": _TEXT, "window": ref("duration")})
    properties: Schema = {
        "path": _TEXT,
        "secret": _TEXT,
        "mode": {"enum": ["sync", "async"]},
        "timeout": ref("duration"),
        "signature": one_of_types(object=signature, string=styles),
        "params": _params(),
    }
    return closed("a webhook", properties, ("path", "secret"))


def _after() -> Schema:
    properties: Schema = {
        "workflow": _NAME,
        "when": {"enum": ["success", "failure", "done"]},
        "params": _params(),
    }
    return closed("a start after a workflow", properties, ("workflow",)) | {
        "type": ["object", "string"]
    }


def _params() -> Schema:
    return {
        "type": "object",
        "maxProperties": MOST_PARAMS,
        "x-hint": "name each param: {month: '2026-01'}",
    }
