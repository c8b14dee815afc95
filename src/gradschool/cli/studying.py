"""The command `studio`: pages in a browser for the work of all other commands."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gradschool.cli.app import command, out
from gradschool.cli.lines import escape, say


@command
def studio(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="folders with jobs and runs; new ones go into the first; default: here"),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port; 0: the last one again, or a free one")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only print the address")] = False,
) -> None:
    """Open the studio, which is all of this in a browser: from files to a specialist that is proven."""
    from gradschool.studio.server import named_folders, open_studio

    with open_studio(named_folders(folders or [Path()]), port) as (server, address):
        say(out, "The studio is open at")
        out.print(f"  {address}", markup=False, highlight=False, soft_wrap=True)
        say(out, f"It reads {escape(', '.join(map(str, server.studio.folders.roots)))} and no other folder.")
        say(out, "Ctrl-C ends it; work that it has started goes on.")
        if not no_browser:
            threading.Thread(target=webbrowser.open, args=(str(address),), daemon=True).start()
        server.serve_until_signal()
    out.print("The studio has ended.")
