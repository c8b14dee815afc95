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
            f"The first page is answered {result['seconds_to_first_page']:.1f} s after the command was started and "
            f"{result['seconds_after_it_listens']:.1f} s after the server listens. The table takes "
            f"{result['table_seconds']:.0f} s to make, in which no reply takes longer than "
            f"{result['longest_wait_meanwhile']:.1f} s, and {result['table_bytes'] / 1e6:.0f} MB of disk; the server "
            f"has {memory[0]} MB of memory at first and {memory[1]} MB at the end. Medians; {result['processor']}, "
            f"{result['cores']} cores; `{result['command']}`.\n",
        ]
    )
