"""Work that the studio starts: a command of gradschool in a process of its own, which writes its exit code to a file.

    python -m gradschool.studio.task exit-code climb orders

The process goes on when the studio ends, so that its exit code must be where the next studio finds it.
"""

import runpy
import signal
import sys
import traceback
from pathlib import Path

from gradschool.errors import EXIT_BUG, EXIT_INTERRUPTED
from gradschool.files import write_text


def run_command(exit_file: Path, arguments: list[str]) -> int:
    """Run `python -m gradschool` with these arguments in this process; returns its exit code, and writes it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a studio in the background may have it ignored
    sys.argv = ["gradschool", *arguments]
    code = EXIT_BUG
    try:
        runpy.run_module("gradschool", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else EXIT_BUG if end.code else 0
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        write_text(exit_file, f"{code}\n")
    return code


if __name__ == "__main__":
    sys.exit(run_command(Path(sys.argv[1]), sys.argv[2:]))
