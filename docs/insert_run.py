"""Put the screen of a real run into README.md, as it was.

    COLUMNS=110 make --silent demo | tee RUN_LOG
    python docs/insert_run.py RUN_LOG

Colours are taken out, and of a line that was drawn over itself the last state is kept. A log that names folders of
one machine is refused.
"""

import re
import sys
from pathlib import Path

from tree import ROOT, between

MARKERS = "<!-- run:begin -->", "<!-- run:end -->"
# Terminal codes (ECMA-48): colours and cursor moves, titles and links, and single-character ones.
CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
PLACES = re.compile(r"(?<![\w./:])(?:/(?!dev/null)[\w.-]+/[\w./-]+|[A-Z]:\\[\w.\\-]+)")


def plain(log: str) -> str:
    """A log as a person saw it in the end: without codes, trailing spaces and overwritten states."""
    text = CODES.sub("", log).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def main(arguments: list[str]) -> None:
    """Insert the log that is named."""
    if len(arguments) != 1:
        raise SystemExit("usage: python docs/insert_run.py RUN_LOG")
    shown = plain(Path(arguments[0]).read_text(encoding="utf-8"))
    if place := PLACES.search(shown):
        raise SystemExit(f"The log names {place[0]!r}, which is nothing for readers elsewhere.")
    if "The ladder" not in shown or "```" in shown:
        raise SystemExit("The log is not that of a whole climb: it shows no ladder.")
    page = ROOT / "README.md"
    page.write_text(between(page.read_text(encoding="utf-8"), MARKERS, shown), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
