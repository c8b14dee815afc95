"""Insert the screen output of a real run into README.md, shortened.

    COLUMNS=110 make --silent demo | tee RUN_LOG
    python docs/insert_run.py RUN_LOG

Terminal codes are removed, and of a line that was redrawn only the last state stays. Before the ladder
table, only the first line and the sizes of the split stay. After it, the gates become a single "…", and the commands
to type next are left out. Logs that contain absolute paths are refused.
"""

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tree import ROOT, between

MARKERS = "<!-- run:begin -->", "<!-- run:end -->"
LADDER = "The ladder"
NEXT = "Next:"
ELLIPSIS = "  …"
# Terminal codes (ECMA-48): colours and cursor moves, titles and links, and single-character ones.
CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
PATHS = re.compile(r"(?<![\w./:])(?:/(?!dev/null)[\w.-]+/[\w./-]+|[A-Z]:\\[\w.\\-]+)")
SPLIT = re.compile(r"\(split [0-9a-f]+\)")


def plain(log: str) -> str:
    """A log without terminal codes, trailing spaces and redrawn states."""
    text = CODES.sub("", log).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def shortened(log: str) -> str:
    """A plain log in which groups of details are replaced by an ellipsis, up to the verdict."""
    before, ladder, after = log.partition(LADDER)
    table, paragraph, rest = after.partition("test examples in")
    verdict = rest.partition(f"\n{NEXT}\n")[0].rstrip("\n")
    first, *following = before.split("\n")
    steps = ["  " + line.strip() for line in following if line]  # all of them are details
    parts = [first, *_without_details(steps)], _without_details((paragraph + verdict).split("\n"))
    return "\n".join([*parts[0], ladder]) + table + "\n".join(parts[1])


def _without_details(lines: list[str]) -> Iterator[str]:
    def detail(line: str) -> bool:
        return line.startswith("  ") and not SPLIT.search(line)

    for is_detail, group in groupby(lines, key=detail):
        if is_detail:
            yield ELLIPSIS
        else:  # the reason for the sizes of the split goes on over further lines
            yield from (line[: split.end()] if (split := SPLIT.search(line)) else line for line in group)


def main(arguments: list[str]) -> None:
    """Insert the given log."""
    if len(arguments) != 1:
        raise SystemExit("usage: python docs/insert_run.py RUN_LOG")
    shown = plain(Path(arguments[0]).read_text(encoding="utf-8"))
    if path := PATHS.search(shown):
        raise SystemExit(
            f"The log contains the path {path[0]!r}, which means nothing to readers. Run it in the repository."
        )
    if LADDER not in shown or "```" in shown:
        raise SystemExit("The log is not that of a complete climb: it has no ladder table. Run `make demo` to its end.")
    page = ROOT / "README.md"
    page.write_text(between(page.read_text(encoding="utf-8"), MARKERS, shortened(shown)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
