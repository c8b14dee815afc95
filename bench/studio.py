"""The studio over a job of 100,000 examples: how long its first page, its table, a page and a search take, and memory.

    python -m bench.studio [--examples 100000]

The studio runs as its own process over a temporary folder with one job of made-up questions. The time to the first
page begins with the start of the command, and ends when the page is answered; that of the table ends when its counts
are. Pages, searches and filters are medians of 20 requests. Writes bench/results/studio.json.
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


def first_page(client: httpx.Client, address: str) -> float:
    """The time at which the first page has arrived."""
    while True:
        try:
            client.get(address).raise_for_status()
            return time.perf_counter()
        except httpx.TransportError:
            time.sleep(0.005)


def table_seconds(client: httpx.Client) -> tuple[float, float, list[str]]:
    """How long the table is made, the longest time without a reply meanwhile, and what the page was shown."""
    began, longest, shown = time.perf_counter(), 0.0, dict[str, None]()
    while True:
        asked = time.perf_counter()
        reply = client.get("/api/examples/counts", params={"path": "mails"}).raise_for_status()
        longest = max(longest, time.perf_counter() - asked)
        if reply.status_code == 200:
            return time.perf_counter() - began, longest, list(shown)
        shown[reply.json()["working"]["doing"]] = None
        time.sleep(0.1)


def median_seconds(client: httpx.Client, asked: dict[str, str]) -> float:
    """The median time of a request for rows of the table."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        client.get("/api/examples", params={"path": "mails", **asked}).raise_for_status()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def measure(home: Path, count: int) -> dict[str, Any]:
    """All times and the memory."""
    write_job(home / "mails", count)
    began = time.perf_counter()
    process = subprocess.Popen([*COMMAND, str(home)], stdout=subprocess.DEVNULL)
    try:
        address = wait_for_address(home / ".gradschool-studio", process)
        listens = time.perf_counter()
        client = httpx.Client(base_url=address.partition("/?")[0], follow_redirects=True, timeout=600, trust_env=False)
        page = first_page(client, address)
        idle = psutil.Process(process.pid).memory_info().rss
        made, longest, shown = table_seconds(client)
        seconds = {name: round(median_seconds(client, asked), 3) for name, asked in QUESTIONS.items()}
        table = max((home / ".gradschool-studio" / "tables").glob("*.sqlite"), key=lambda path: path.stat().st_size)
        return {
            "examples": count,
            "seconds_to_first_page": round(page - began, 2),
            "seconds_after_it_listens": round(page - listens, 2),
            "table_seconds": round(made, 1),
            "longest_wait_meanwhile": round(longest, 2),
            "progress": shown,
            "seconds": seconds,
            "resident_bytes_at_start": idle,
            "resident_bytes_at_end": psutil.Process(process.pid).memory_info().rss,
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
