"""What a policy says of a script's packages, interpreter and hosts: asked when a document is admitted, and again at the start.

Each function raises StageFailureError with the code and the words that a problem, or the stage's record, will say.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from blockyard_platform.containers import fail
from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import is_list
from blockyard_schemas.nearest import nearest
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from blockyard_sandbox.egress.hosts import HostRule
    from blockyard_sandbox.environments.locks import Lock, Wanted
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_packages import PackageRule

_VERSION = re.compile(r"[23](\.[0-9]{1,3}){0,2}")
_LONGEST = 500
"""Characters of one requirement."""


def requirement_of(text: Any, policy: Policy) -> str:
    """Return one requirement in its plain form: a package that a rule allows, with versions, extras and a marker at most."""
    from packaging.requirements import InvalidRequirement, Requirement

    if not isinstance(text, str):
        raise fail(Code.INVALID_TYPE, "a requirement is a text such as pandas>=2")
    try:
        if len(text) > _LONGEST or not text.isprintable():
            raise InvalidRequirement("it is too long, or holds characters that cannot be printed")
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _no_requirement(text, error) from None
    if requirement.url is not None:
        raise fail(
            Code.FORBIDDEN_PACKAGE,
            f"the requirement {text[:80]!r} names an address; packages come from the index alone",
        )
    _check(requirement, _rule_of(requirement.name, policy))
    return str(requirement)


def _no_requirement(text: str, error: ValueError) -> StageFailureError:
    start = text.lstrip()
    if start.startswith("-") or " --" in text:
        message = f"the requirement {text[:80]!r} holds an option of pip, which is not a document's to set"
        return fail(Code.FORBIDDEN_PACKAGE, message)
    if "://" in text or start.startswith((".", "/", "~", "git+", "file:")):
        message = f"the requirement {text[:80]!r} names a place; packages come from the index alone"
        return fail(Code.FORBIDDEN_PACKAGE, message)
    first = str(error).splitlines()[0][:200]
    return fail(
        Code.INVALID_ARGUMENT,
        f"{text[:80]!r} is no requirement ({first}); write a name, or a name with versions, such as pandas>=2,<3",
    )


def _rule_of(name: str, policy: Policy) -> PackageRule:
    from packaging.utils import canonicalize_name

    wanted = canonicalize_name(name)
    for rule in policy.packages:
        if fnmatchcase(wanted, _normal(rule.name)):
            return rule
    known = [rule.name for rule in policy.packages]
    near = nearest(wanted, known)
    hint = (
        f"did you mean '{near}'?" if near else f"rules name: {', '.join(known[:8]) or 'no package'}"
    )
    raise fail(
        Code.FORBIDDEN_PACKAGE, f"the policy does not allow the package '{wanted[:80]}'; {hint}"
    )


def _normal(pattern: str) -> str:
    """Return a pattern in the spelling of normalised names."""
    return re.sub(r"[-_.]+", "-", pattern).lower()


def _check(requirement: Requirement, rule: PackageRule) -> None:
    from packaging.utils import canonicalize_name

    allowed = {canonicalize_name(extra) for extra in rule.extras} if rule.extras != "*" else None
    for extra in sorted(requirement.extras):
        if allowed is not None and canonicalize_name(extra) not in allowed:
            raise fail(
                Code.FORBIDDEN_PACKAGE,
                f"the policy's rule for '{rule.name}' does not allow the extra '{extra}'",
            )
    for each in requirement.specifier:
        if each.operator in ("==", "===") and not each.version.endswith(".*"):
            _check_version(requirement.name, each.version, rule)


def _check_version(name: str, version: str, rule: PackageRule) -> None:
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    try:
        allowed = SpecifierSet(rule.versions).contains(version, prereleases=True)
    except InvalidVersion:
        allowed = False
    if not allowed:
        raise fail(
            Code.FORBIDDEN_PACKAGE,
            f"the policy's rule for '{rule.name}' allows versions {rule.versions or 'of any number'}, not {name} {version}",
        )


def requirements_of(deps: Any, policy: Policy) -> tuple[str, ...]:
    """Return all requirements of a stage, in their plain form."""
    if not is_list(deps):
        raise fail(Code.INVALID_TYPE, "deps is a list of requirements, such as [pandas>=2]")
    return tuple(requirement_of(each, policy) for each in deps)


def wanted_of(requirements: tuple[str, ...], policy: Policy) -> Wanted:
    """Return what is to be resolved: the requirements, held to the versions that the rules allow."""
    from blockyard_sandbox.environments.locks import Wanted

    rules = policy.environment
    constraints = [
        f"{rule.name}{rule.versions}"
        for rule in policy.packages
        if rule.versions and "*" not in rule.name
    ]
    return Wanted(
        requirements,
        tuple(constraints),
        wheels_only=rules.wheels_only,
        minimum_age=rules.minimum_age_days,
        hours=rules.relock_hours,
    )


def check_lock(lock: Lock, requirements: tuple[str, ...], policy: Policy) -> None:
    """Check every release of a lock against the rules, as the policy asks for what a package brings along."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    named = {canonicalize_name(Requirement(each).name) for each in requirements}
    for release in lock.releases:
        try:
            _check_version(release.name, release.version, _rule_of(release.name, policy))
        except StageFailureError:
            matched = any(fnmatchcase(release.name, _normal(it.name)) for it in policy.packages)
            if matched or release.name in named or policy.environment.dependencies == "listed":
                raise


def python_of(python: Any, policy: Policy) -> str | None:
    """Return the version of Python that a stage asks for."""
    from packaging.specifiers import SpecifierSet

    if python is None:
        return None
    if not isinstance(python, str) or not _VERSION.fullmatch(python):
        raise fail(
            Code.INVALID_ARGUMENT,
            f"python: {str(python)[:40]!r} is no version; write one in quotes, such as '3.12'",
        )
    allowed = SpecifierSet(policy.environment.python)
    possible = [python] if python.count(".") == 2 else [f"{python}.{n}" for n in range(100)]
    if python.count(".") and not any(allowed.contains(each) for each in possible):
        raise _no_python(python, policy)
    return python


def check_python(version: str, policy: Policy) -> None:
    """Check the version of the interpreter that was found."""
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(policy.environment.python).contains(version, prereleases=True):
        raise _no_python(version, policy)


def _no_python(version: str, policy: Policy) -> StageFailureError:
    return fail(
        Code.FORBIDDEN_PACKAGE,
        f"the policy allows Python {policy.environment.python}, not {version} (environment.python)",
    )


def hosts_of(hosts: Any, policy: Policy) -> tuple[HostRule, ...]:
    """Return what the proxy of a stage lets through: exactly the hosts that it names, each allowed by the policy."""
    if hosts is None:
        return ()
    if not is_list(hosts):
        raise fail(Code.INVALID_TYPE, "hosts is a list of names, such as [api.example.com]")
    return tuple(rule for each in hosts for rule in _rules_of(each, policy))


def _rules_of(text: Any, policy: Policy) -> list[HostRule]:
    from blockyard_sandbox.egress.hosts import HostRule, allowing, read_host

    if not isinstance(text, str):
        raise fail(Code.INVALID_TYPE, "a host is a text such as api.example.com or 10.0.0.7:8080")
    try:
        host, port = read_host(text)
    except ValueError as error:
        raise fail(Code.INVALID_ARGUMENT, f"hosts: {error}") from None
    rules = [HostRule(it.host, it.ports, it.private) for it in policy.hosts]
    for rule in rules:
        if rule.names(host) and port in (None, *rule.ports):
            ports = rule.ports if port is None else (port,)
            # Another rule may open a private network to the same host, at some of the ports.
            found = {each: allowing(rules, host, each) for each in ports}
            private = tuple(each for each, it in found.items() if it is not None and it.private)
            public = tuple(each for each in ports if each not in private)
            both = ((private, True), (public, False))
            return [HostRule(host, those, opened) for those, opened in both if those]
    known = ", ".join(it.host for it in policy.hosts[:8]) or "none"
    raise fail(
        Code.FORBIDDEN_HOST,
        f"the policy does not allow the host {text[:80]!r}; hosts that it names: {known}",
    )
