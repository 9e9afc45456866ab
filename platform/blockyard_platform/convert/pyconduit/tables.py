"""What the blocks of pyconduit do besides what their counterparts' names say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IN_PLACE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "LISTS.APPEND": ("list", ""),
        "LISTS.CLEAR": ("list", ""),
        "LISTS.EXTEND": ("list1", ""),
        "LISTS.INSERT": ("list", ""),
        "LISTS.POP": ("list", "items"),
        "LISTS.REMOVE": ("list", ""),
        "LISTS.REVERSE": ("list", ""),
        "LISTS.SORT": ("list", ""),
        "DICTIONARY.CLEAR": ("dictionary", ""),
        "DICTIONARY.DELETE": ("dictionary", ""),
        "DICTIONARY.POP": ("dictionary", "dictionary"),
        "DICTIONARY.SET": ("dictionary", ""),
        "DICTIONARY.UPDATE": ("dict1", ""),
    }
)
"""Blocks that change a variable in place: the parameter that it is given by, and where our result has the changed copy."""

TAKEN: Mapping[str, str] = MappingProxyType({"LISTS.POP": "item", "DICTIONARY.POP": "value"})
"""Where our result has what theirs is."""

TELLS: frozenset[str] = frozenset(
    {
        "DICTIONARY.IS_DICTIONARY",
        "DICTIONARY.IS_KEY_EXISTS",
        "DICTIONARY.IS_VALUE_EXISTS",
        "LOGIC.BOOL",
        "LOGIC.FALSE",
        "LOGIC.IF",
        "LOGIC.IS_NONE",
        "LOGIC.IS_TRUTH",
        "LOGIC.LOGICAL_AND",
        "LOGIC.LOGICAL_NOT",
        "LOGIC.LOGICAL_OR",
        "LOGIC.TRUE",
        "TEXT.ENDS_WITH",
        "TEXT.INCLUDES",
        "TEXT.IS_EMPTY",
        "TEXT.IS_NUMERIC",
        "TEXT.IS_TEXT",
        "TEXT.STARTS_WITH",
        "VARIABLE.IS_EXISTS",
    }
)
"""Blocks whose result is true or false, so that a condition may be the result itself."""

HOST: Mapping[str, str] = MappingProxyType(
    {
        "tags": "a document grants itself nothing: the policy of the tenant has `tags`",
        "step_limit": "the policy of the tenant has `steps`; there one more than the limit ran",
        "block_limit_overrides": "the policy of the tenant has `blocks`",
        "global_values": "what the host gives to blocks goes to a block with runs='host', by its context",
        "on_step_update": "give it to run(): on_step_update=",
        "on_job_finish": "give it to run(): on_job_finish=",
        "blocks": "put the blocks into a catalog",
    }
)
"""Keys of a job that are the host's business, and where it minds it here."""
