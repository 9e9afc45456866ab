"""Started by an environment's own interpreter: runs a script as ``__main__``, with its variables as names.

``python runner.py SCRIPT [VARIABLES]``. It must work with every Python that may be asked for, and imports nothing but the standard
library, and that only where it is needed: a short script takes no longer than its interpreter. A ``result`` that the script leaves is
written to the file that ``BLOCKYARD_RESULT`` names.
"""

import os
import sys


def main(script: str, variables: str = "") -> int:
    """Run the script; return the exit status."""
    given = read(variables) if variables else {}
    with open(script, encoding="utf-8", errors="surrogateescape") as stream:
        text = stream.read()
    module = type(sys)("__main__")
    names = module.__dict__
    names.update({key: value for key, value in given.items() if is_name(key)})
    names.update(vars=given, __file__=script)
    sys.modules["__main__"] = module
    sys.argv[:] = [script]
    try:
        exec(compile(text, script, "exec", dont_inherit=True), names)  # noqa: S102  (that is what it is for)
    except SystemExit as end:
        if end.code:
            raise
    except Exception as error:  # noqa: BLE001  (a script raises what it likes)
        tell(error)
        return 1
    return leave(names, os.environ["BLOCKYARD_RESULT"])


def read(variables: str) -> "dict[str, object]":
    """Return the variables, and remove their file."""
    import json

    with open(variables, encoding="utf-8") as stream:
        given: dict[str, object] = json.load(stream)
    os.unlink(variables)
    return given


def is_name(key: str) -> bool:
    """Whether a variable can be a name of the script; all of them are in ``vars``."""
    return key.isidentifier() and not key.startswith("__")


def tell(error: Exception) -> None:
    """Print what the script let through; the frame of this file says nothing to whoever wrote it."""
    import traceback

    frames = error.__traceback__ and error.__traceback__.tb_next
    traceback.print_exception(type(error), error, frames)


def leave(names: "dict[str, object]", place: str) -> int:
    """Write what the script calls ``result``, unless it has written its file itself; return the exit status."""
    if "result" not in names or os.path.lexists(place):
        return 0
    import json

    try:
        text = json.dumps(names["result"], allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        print(f"result is not plain data: {error}", file=sys.stderr)
        return 1
    with open(place, "w", encoding="utf-8") as stream:
        stream.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
