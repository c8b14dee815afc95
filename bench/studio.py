"""The studio over a job of 100,000 examples: how long its first page, its table, a page and a search take, and memory.

    python -m bench.studio [--examples 100000]

The studio runs as its own process over a temporary folder with one job of made-up questions. All times are processor
time of this process and its children, so that other programs on the machine do not count: from the start of the
command, or from when it listens, until the first page is answered; until the table of examples is made; and for one
page, search or filter (medians of 20 requests). Writes bench/results/studio.json.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json

RESULT = Path(__file__).parent / "results" / "studio.json"
COMMAND = (sys.executable, "-m", "gradschool", "studio", "--no-browser")
TIMES = 20  # requests of one kind
GOODS = ("apples", "bolts", "candles", "doors", "eggs", "files", "gloves", "hinges", "lamps", "kettles")
TOWNS = ("Ashby", "Borth", "Crewe", "Dover", "Epsom", "Frome")
QUESTIONS = {  # what a page asks for
    "a page": {"page": "400"},
    "the last page": {"page": "999"},
    "a search that many fit": {"search": "candles dover"},
    "a search that none fits": {"search": "zeppelin"},
    "a filter by label": {"label": "returns"},
    "the longest first": {"sort": "longest"},
}


def write_job(folder: Path, count: int) -> None:
    """A job that sorts made-up mails of an ordinary length."""
    draw = random.Random(0)
    folder.mkdir()
    (folder / "job.toml").write_text('task = "Sort the mail."\n[goal]\nmetric = "label"\n')
    with (folder / "examples.jsonl").open("w") as file:
        for number in range(count):
            orders = ", ".join(f"{draw.randrange(2, 90)} {draw.choice(GOODS)}" for _ in range(draw.randrange(5, 25)))
            text = f"Order {number} of {draw.choice(TOWNS)}: {orders}. Please tell us when they will be here."
            row = {"prompt": text, "completion": draw.choice(("orders", "returns", "complaints"))}
            file.write(json.dumps(row) + "\n")


def wait_for_address(state: Path, process: "subprocess.Popen[bytes]") -> str:
    """The address of a studio that has just started."""
    while True:
        assert process.poll() is None
        try:
            found = json.loads((state / "address.json").read_text())
            return f"http://127.0.0.1:{found['port']}/?token={found['token']}"
        except (OSError, ValueError):
            time.sleep(0.005)


def open_first_page(client: httpx.Client, address: str) -> None:
    """Wait until the first page is answered."""
    while True:
        try:
            client.get(address).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.005)


def make_table(client: httpx.Client) -> list[str]:
    """Wait until the table is made; returns what the page was shown meanwhile."""
    shown = dict[str, None]()
    while True:
        reply = client.get("/api/examples/counts", params={"path": "mails"}).raise_for_status()
        if reply.status_code == 200:
            return list(shown)
        shown[reply.json()["working"]["doing"]] = None
        time.sleep(0.5)


def seconds_of(server: psutil.Process) -> float:
    """Processor time of the server and its children so far."""
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def median_seconds(client: httpx.Client, asked: dict[str, str], server: psutil.Process) -> float:
    """The median processor time of a request for rows of the table."""
    took = []
    for _ in range(TIMES):
        began = seconds_of(server)
        client.get("/api/examples", params={"path": "mails", **asked}).raise_for_status()
        took.append(seconds_of(server) - began)
    return statistics.median(took)


def measure(home: Path, count: int) -> dict[str, Any]:
    """All times and the memory."""
    write_job(home / "mails", count)
    process = subprocess.Popen([*COMMAND, str(home)], stdout=subprocess.DEVNULL)
    server = psutil.Process(process.pid)
    try:
        address = wait_for_address(home / ".gradschool-studio", process)
        listens = seconds_of(server)
        client = httpx.Client(base_url=address.partition("/?")[0], follow_redirects=True, timeout=600, trust_env=False)
        open_first_page(client, address)
        page, idle = seconds_of(server), server.memory_info().rss
        shown = make_table(client)
        made = seconds_of(server) - page
        seconds = {name: round(median_seconds(client, asked, server), 3) for name, asked in QUESTIONS.items()}
        table = max((home / ".gradschool-studio" / "tables").glob("*.sqlite"), key=lambda path: path.stat().st_size)
        return {
            "examples": count,
            "seconds_to_first_page": round(page, 2),
            "seconds_after_it_listens": round(page - listens, 2),
            "table_seconds": round(made, 1),
            "progress": shown,
            "seconds": seconds,
            "resident_bytes_at_start": idle,
            "resident_bytes_at_end": server.memory_info().rss,
            "table_bytes": table.stat().st_size,
        }
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        home.mkdir()
        measured = measure(home, options.examples)
    made_on = environment()
    about = {"processor": made_on.processor, "cores": made_on.cores, "python": made_on.python}
    write_json(RESULT, {"command": "python -m bench.studio", **measured, **about})
    print(RESULT.read_text())
