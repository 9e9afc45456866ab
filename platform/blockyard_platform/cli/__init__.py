"""The command line: ``blockyard run``, ``validate``, ``schema``, ``blocks``, ``convert`` and ``doctor``."""

_YOUNG = 200_000
"""Objects after which the collector looks for garbage; Python's own 700 come about hundreds of times in a start."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    import gc
    import sys

    gc.set_threshold(_YOUNG, 10, 10)
    from blockyard_platform.cli.app import invoke

    code = invoke(sys.argv[1:])
    gc.freeze()  # the process ends: nothing is to be gained by a search for garbage in all that it has loaded
    sys.exit(code)
