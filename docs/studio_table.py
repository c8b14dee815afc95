"""How quick the studio is with many examples, as docs/studio.md shows it."""

from typing import Any

from markdown_table import table


def studio(result: dict[str, Any]) -> str:
    """How long the studio takes for its first page, the table of many examples, and each question to that table."""
    rows = [[name, f"{1000 * seconds:.0f}"] for name, seconds in result["seconds"].items()]
    memory = [f"{result[f'resident_bytes_at_{when}'] / 1e6:.0f}" for when in ("start", "end")]
    return "\n".join(
        [
            table([f"{result['examples']:,} examples", "milliseconds"], rows),
            f"The first page takes {result['seconds_to_first_page']:.1f} s from the start of the command, and "
            f"{result['seconds_after_it_listens']:.2f} s from when the server listens. The table takes "
            f"{result['table_seconds']:.0f} s to make and {result['table_bytes'] / 1e6:.0f} MB of disk; the server has "
            f"{memory[0]} MB of memory at first and {memory[1]} MB at the end. All times are processor time, those of "
            f"the table medians; {result['processor']}, {result['cores']} cores; `{result['command']}`.\n",
        ]
    )
