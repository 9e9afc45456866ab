"""The command line: ``blockyard run``, ``validate``, ``schema``, ``blocks``, ``convert`` and ``doctor``."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    import sys

    from blockyard_platform.cli.app import invoke

    sys.exit(invoke(sys.argv[1:]))
