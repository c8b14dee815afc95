"""A table that fits the console: if it is too narrow, a list with the cells of each row below its first one."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from gradschool.cli.lines import say, width_of


def show_rows(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> None:
    """Print rows of markup; a cell may have several lines. The columns `left` are aligned left."""
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="left" if number in left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = width_of(console)
    options = console.options.update(width=max(width, 1000))
    if Measurement.get(console, options, table).maximum <= width:
        console.print(table)
        return
    for first, *others in rows:
        say(console, f"[bold]{first}[/]")
        cells = zip(map(_one_line, titles[1:]), map(_one_line, others), strict=True)
        say(console, f"  {'; '.join(f'{title}: {cell}' if title else cell for title, cell in cells if cell)}")


def _one_line(text: str) -> str:
    return text.replace(",\n", ", ").replace("\n", ", ")
