"""What one run has revealed of secrets, and what is masked of it ever after: in logs, records, errors and results.

A run without secrets asks ``masker is None`` here and there, and that is all.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from blockyard_platform.errors import StageFailureError
from blockyard_platform.results import JobResult, LogLine
from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.names import ADMIN
from blockyard_platform.weight import weigh
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.showing import shown
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.results import RunResult, StageRecord
    from blockyard_platform.secrets.masking import Masker
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_schemas.policy import Policy

_LIGHT = 64 * 1024
"""Bytes, roughly, of data that is masked in the event loop; a MiB takes a tenth of a second."""

_SHOWN = (40, 60, 80, 100, 200)
"""Characters after which messages cut what they show: these beginnings of a value are masked, too."""


class Hidden:
    """The secrets of one run. :meth:`reveal` may be called from any thread."""

    def __init__(self, secrets: Secrets | None, policy: Policy) -> None:
        """Begin with nothing revealed."""
        self._secrets = secrets
        self._policy = policy
        self._values: set[str] = set()
        self._lock = threading.Lock()
        self.names: dict[str, None] = {}
        self.masker: Masker | None = None

    @property
    def configured(self) -> bool:
        """Whether there are secrets to be had."""
        return self._secrets is not None

    def reveal(self, name: str) -> str:
        """Return what a secret holds; from now on it is masked. It may block.

        Raises StageFailureError: FORBIDDEN_SECRET when the policy does not name it, and INVALID_ARGUMENT when it is not there.
        """
        allowed = self._policy.admin_secrets if name.startswith(ADMIN) else None
        if not (self._policy.allows_secret(name) if allowed is None else name in allowed):
            message = f"the policy does not allow the secret {shown(name)} (FORBIDDEN_SECRET 141)"
            raise StageFailureError(Code.FORBIDDEN_SECRET, message)
        return self._revealed(name)

    def recall(self, names: list[str]) -> list[str]:
        """Reveal what earlier work on the run has revealed, so that it is masked; return the names that cannot be had any more."""
        lost: list[str] = []
        for name in names:
            try:
                self._revealed(name)
            except StageFailureError:
                lost.append(name)
        return lost

    def text(self, text: str) -> str:
        """Return a text masked."""
        return text if self.masker is None else self.masker.mask(text)

    async def data(self, value: Any) -> Any:
        """Return plain data masked, the same object when there is nothing in it; what is heavy, in a thread."""
        masker = self.masker
        if masker is None:
            return value
        if weigh(value, _LIGHT) <= _LIGHT:
            return masker.mask_data(value)
        return await in_thread(lambda: masker.mask_data(value), "blockyard-mask")

    async def result(self, result: RunResult) -> RunResult:
        """Return a run's result masked, also what was recorded before a value was revealed."""
        masker = self.masker
        if masker is None:
            return result
        return await in_thread(lambda: _result(masker, result), "blockyard-mask")

    def _revealed(self, name: str) -> str:
        if self._secrets is None:
            message = f"there are no secrets here, and {shown(name)} is wanted"
            raise StageFailureError(Code.INVALID_ARGUMENT, message)
        failure: str | None = None
        value = ""
        # Raised outside of the handlers: what a provider's error holds is not known.
        try:
            value = self._secrets.reveal(name)
            self._hide(name, value)
        except SecretError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001  (a database, a network: the admin's own)
            failure = f"the secret {shown(name)} cannot be had ({type(error).__name__})"
        if failure is not None:
            raise StageFailureError(Code.INVALID_ARGUMENT, failure)
        return value

    def _hide(self, name: str, value: str) -> None:
        """Mask a value from now on, before anybody has it."""
        from blockyard_platform.secrets.masking import Masker

        with self._lock:
            if value not in self._values:
                known = self._values | {value}
                self.masker = Masker(part for each in known for part in _parts(each))
                self._values = known
            self.names[name] = None


def _parts(value: str) -> Iterator[str]:
    """Yield a value, the password in it when it is a URL, and the beginnings that messages show."""
    yield value
    yield from (value[:most] for most in _SHOWN if len(value) > most)
    try:
        password = urlsplit(value.strip()).password
    except ValueError:
        password = None
    if password:
        yield password
        yield unquote(password)


def _result(masker: Masker, result: RunResult) -> RunResult:
    return replace(
        result,
        outputs=masker.mask_data(dict(result.outputs)),
        jobs={name: _job(masker, job) for name, job in result.jobs.items()},
        problems=tuple(
            replace(it, message=masker.mask(it.message), hint=it.hint and masker.mask(it.hint))
            for it in result.problems
        ),
        logs=tuple(LogLine(line.stage, masker.mask(line.text)) for line in result.logs),
    )


def _job(masker: Masker, job: JobResult) -> JobResult:
    return JobResult(
        job.status,
        {name: _record(masker, record) for name, record in job.stages.items()},
        masker.mask_data(job.outputs),
        masker.mask_data(job.error),
        None if job.values is None else masker.mask_data(dict(job.values)),
        None if job.matrix is None else tuple(_job(masker, each) for each in job.matrix),
    )


def _record(masker: Masker, record: StageRecord) -> StageRecord:
    return record._replace(
        outputs=masker.mask_data(record.outputs), error=masker.mask_data(record.error)
    )
