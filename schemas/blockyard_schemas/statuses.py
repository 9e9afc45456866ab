"""Statuses: the coarse state of a run, job or stage, and the fine code that says why.

The names and numbers of the codes up to 111 are those of pyconduit's ``ConduitStatus`` and ``NodeStatus``,
so that a host can keep its tables; those from 120 on are ours. A number never changes its meaning.
"""

from enum import IntEnum, StrEnum


class Status(StrEnum):
    """How a run, a job or a stage stands."""

    WAIT = "WAIT"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    SKIP = "SKIP"
    CANCEL = "CANCEL"


class Code(IntEnum):
    """Why a stage stands as it does."""

    NONE = -1
    DONE = 0
    SKIPPED = 100
    UNHANDLED_EXCEPTION = 101
    BLOCK_NOT_FOUND = 102
    INVALID_ARGUMENT = 103
    DUPLICATE_STEP_IDS = 104
    FORBIDDEN_BLOCK = 105
    ASSERTION_ERROR = 106
    INVALID_TYPE = 107
    STEP_LIMIT_EXCEED = 108
    BLOCK_LIMIT_EXCEED = 109
    IF_CONDITION_FAILED = 110
    KILLED_MANUALLY = 111
    RESTRICTED_CODE = 120
    TIMEOUT = 121
    MEMORY_LIMIT = 122
    CPU_LIMIT = 123
    OUTPUT_LIMIT = 124
    EXIT_NONZERO = 125
    KILLED_BY_SIGNAL = 126
    RAISED = 127
    EXPRESSION_ERROR = 128
    FORBIDDEN_STAGE = 129
    FORBIDDEN_IMAGE = 130
    FORBIDDEN_VOLUME = 131
    FORBIDDEN_PACKAGE = 132
    FORBIDDEN_HOST = 133
    SANDBOX_UNAVAILABLE = 134
    INTERRUPTED = 135
    RESULT_LIMIT = 136
    APPROVAL_REFUSED = 137
    PROCESS_LIMIT = 138
    OPEN_FILES_LIMIT = 139
    FILE_SIZE_LIMIT = 140
    FORBIDDEN_SECRET = 141
