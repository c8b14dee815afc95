"""Take the pictures of docs/studio.md: a walk through the studio in Chromium, from a table to an export.

    python docs/studio_pictures.py HOME

HOME is a new folder, which the start page names. Two small climbs over the base `pocket` take some minutes. Needs
Playwright and Chromium, as the tests in a browser do.
"""

import csv
import io
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parent / "studio"
WIDTH, HEIGHT = 1200, 820
SIGNED = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
PATIENCE = 1_200_000  # milliseconds; an export waits for tests in llama.cpp
GOODS = ("candles", "gloves", "jars", "kettles", "lamps", "ropes")
NUMBERS = ("two", "three", "six", "nine", "ten", "twelve")
TOWNS = ("Ashby", "Borth", "Crewe", "Dover", "Epsom", "Frome")
FORMS = (
    "Order from {town}. Goods: {goods}. How many: {number}. Urgent: no.",
    "Please send {number} {goods} to our shop in {town}.",
    "We sold everything. Send {number} {goods} so that {town} can open tomorrow morning.",
    "Could you put {number} {goods} on the next van that goes to {town}?",
    "{town} needs {number} {goods} by Friday.",
)
ASKED = FORMS[3].format(number="ten", goods="lamps", town="Frome")
JOB = """task = "Write the order as goods, number and town."

[split]
max_test = 40
max_validation = 20

[goal]
metric = "token_f1"
pass_mark = 0.6

[tune]
rank = 8
learning_rates = [0.01]
epochs = {epochs}

[answers]
max_new_tokens = 16
"""


def write_table(path: Path) -> None:
    """Orders in words, and as goods, number and town; some with an address that is private."""
    draw = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "answer"])
        for number in range(160):
            goods, count, town = draw.choice(GOODS), draw.choice(NUMBERS), draw.choice(TOWNS)
            asked = draw.choice(FORMS).format(goods=goods, number=count, town=town)
            sender = f" Reply to shop{number}@{town.lower()}-stores.com." if number % 40 == 0 else ""
            rows.writerow([asked + sender, f"{goods}, {count}, {town}"])


class Walk:
    """One page of the browser, and pictures of what it shows."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        page.set_default_timeout(PATIENCE)
        page.goto(address)

    def go(self, path: str) -> None:
        self.page.goto(self.address.partition("/?")[0] + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def save_job(self, epochs: int) -> None:
        self.page.get_by_role("heading", name="Start a climb").wait_for()
        self.page.get_by_text("job.toml", exact=True).first.click()
        self.page.get_by_label("The file of the job").fill(JOB.format(epochs=epochs))
        self.press("Save")
        self.page.get_by_text("Write the order as goods").first.wait_for()

    def climb(self) -> None:
        self.page.get_by_label("Base model").fill("pocket")
        self.press("Climb")

    def picture(self, name: str, height: int = HEIGHT) -> None:
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.wait_for_timeout(700)  # bars fill slowly
        with Image.open(io.BytesIO(self.page.screenshot())) as image:
            image.save(PICTURES / f"{name}.webp", quality=80, method=6)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def prepare(walk: Walk, table: Path) -> None:
    page = walk.page
    page.get_by_role("link", name="Begin with your files").click()
    page.locator("#picker").set_input_files(str(table))
    page.get_by_text("question/answer in CSV").wait_for()
    page.get_by_label("Name of the job").fill("orders")
    page.get_by_label("Pass mark").fill("0.6")
    walk.picture("new", 1180)
    walk.press("Look at the files")
    page.get_by_role("heading", name="Private data").wait_for()
    walk.picture("found")
    walk.press("Make the job")
    walk.save_job(1)
    page.evaluate("scrollTo(0, 0)")
    walk.picture("job")


def look_at_examples(walk: Walk) -> None:
    walk.go("/examples?path=orders")
    walk.page.locator("table.examples").wait_for()
    walk.picture("examples")
    walk.page.locator("button.cell").first.click()
    dialog = walk.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Show the tokens").click()
    dialog.locator(".tokens").wait_for()
    dialog.locator(".tokens").scroll_into_view_if_needed()
    walk.picture("example")
    walk.page.keyboard.press("Escape")


def climb_twice(walk: Walk) -> None:
    """Two climbs, the second with a longer training; pictures of the first one at its last rung, and of the queue."""
    page = walk.page
    walk.go("/job?path=orders")
    walk.climb()
    page.get_by_text("The climb goes on when this page").wait_for()
    walk.go("/job?path=orders")
    walk.save_job(6)
    walk.climb()
    page.get_by_role("region", name="Waiting").wait_for()
    walk.picture("queue")
    walk.go("/run?path=runs/orders-1")
    page.get_by_text("tune: training").wait_for()
    page.get_by_text("left for this step").wait_for()
    walk.picture("climb", 1050)
    page.locator(".verdict").wait_for()
    walk.go("/run?path=runs/orders-2")
    page.locator(".verdict").wait_for()


def look_at_results(walk: Walk) -> None:
    page = walk.page
    walk.go("/answers?path=runs/orders-2")
    page.locator("article").first.wait_for()
    page.locator("summary", has_text="Cost").click()
    walk.picture("result")
    page.get_by_role("heading", name="Answers of all rungs").evaluate("(element) => element.scrollIntoView()")
    walk.picture("answers")
    walk.go("/compare?a=runs/orders-1&b=runs/orders-2")
    page.locator("[aria-label='The two runs']").wait_for()
    walk.picture("compare", 1000)
    walk.go("/talk?path=runs/orders-2")
    for question in (FORMS[0].format(town="Crewe", goods="gloves", number="six"), ASKED):
        page.get_by_label("Your question").fill(question)
        walk.press("Ask")
        page.locator("#send:enabled").wait_for()
    page.get_by_role("button", name="Good answer of the specialist").first.click()
    page.get_by_text("feedback/orders.jsonl").wait_for()
    walk.picture("talk")


def ship(walk: Walk) -> None:
    page = walk.page
    walk.go("/ship?path=runs/orders-2")
    walk.press("Start a server")
    page.get_by_text("curl http").wait_for()
    walk.press("Export")
    page.locator("article .badge", has_text="done").wait_for()
    walk.picture("ship", 1250)
    walk.go("/")
    page.locator("#runs").wait_for()
    walk.picture("start")
    walk.go("/ship?path=runs/orders-2")
    walk.press("Stop")
    page.get_by_text("No server runs").wait_for()


def main(home: Path) -> None:
    """Take all pictures, in the order in which a user meets the pages."""
    home.mkdir(parents=True)
    table = home.parent / "orders.csv"
    write_table(table)
    command = [sys.executable, "-m", "gradschool", "studio", str(home), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio, sync_playwright() as started:
        assert studio.stdout is not None
        address = next(found[0] for line in studio.stdout if (found := SIGNED.search(line)))
        chromium = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        walk = Walk(page, address)
        steps: tuple[Callable[[Walk], None], ...] = (look_at_examples, climb_twice, look_at_results, ship)
        prepare(walk, table)
        for step in steps:
            step(walk)
        chromium.close()
        studio.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
