"""The studio in a real browser: from an uploaded table to a proven specialist, although its server is killed meanwhile.

Needs Debian's Chromium with Playwright, and for accessibility axe-core from npm; `.ci/run` installs both.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import small_job
from gradschool.visible import visible

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parents[2] / ".peers" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")]
PATIENCE = 90_000  # milliseconds; the machine may be busy
JOB = """
task = "Write the order as goods, number and town."
[split]
max_test = 14
max_validation = 5
[goal]
metric = "token_f1"
pass_mark = 0.6
[prompt]
shots = [0]
nearest = false
[tune]
rank = 8
learning_rates = [0.01]
epochs = 3
rehearsal = 0
max_forgetting = 9
audit = false
[answers]
max_new_tokens = 12
constrain = false
"""
ACTING = "a\u202eb\u200b\x1b[31m \U000e0041 \u0645\u200c\u0645 \U0001f468\u200d\U0001f469 x\u200dy\n\tend"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


class Studio:
    """The server of the studio as a process, which can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        address = self.home / ".gradschool-studio" / "address.json"
        before = address.stat().st_mtime_ns if address.exists() else 0
        command = [sys.executable, "-m", "gradschool", "studio", str(self.home), "--no-browser"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while not address.exists() or address.stat().st_mtime_ns == before:
            assert self.process.poll() is None and time.monotonic() < end
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def works(self) -> list[dict[str, Any]]:
        """The queue, as it is on the disk."""
        path = self.home / ".gradschool-studio" / "queue.json"
        works: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return works

    @property
    def address(self) -> str:
        found = json.loads((self.home / ".gradschool-studio" / "address.json").read_text())
        return f"http://127.0.0.1:{found['port']}/?token={found['token']}"

    @property
    def url(self) -> str:
        return self.address.partition("/?")[0]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("studio")
    (home / "home").mkdir()
    started = Studio(home / "home")
    started.start()
    yield started
    started.kill()
    for work in started.works():
        if work["state"] == "running" and psutil.pid_exists(work["pid"]):
            os.killpg(work["pid"], signal.SIGKILL)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def until(there: Callable[[], bool]) -> None:
    """Wait for what work writes. A browser that waits for it looks 60 times a second, which costs as much again."""
    end = time.monotonic() + PATIENCE / 1000
    while not there():
        assert time.monotonic() < end
        time.sleep(0.2)


def open_page(chromium: Any, studio: Studio, **options: Any) -> tuple[Any, list[str]]:
    """A page that has entered the studio, and what its console complains about from then on."""
    context = chromium.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(studio.address)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def test_from_a_table_to_a_proven_specialist(chromium: Any, studio: Studio, tmp_path: Path) -> None:
    table = tmp_path / "orders.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "answer"])
        rows.writerows([row["prompt"], row["completion"]] for row in small_job.rows(45))
        rows.writerow([f"Write to orla@venn-bakery.com {HOSTILE}", "nothing, none, Crewe"])
    page, complaints = open_page(chromium, studio)
    page.get_by_role("link", name="Begin with your files").click()
    page.locator("#picker").set_input_files(str(table))
    page.get_by_text("question/answer in CSV").wait_for()
    page.get_by_label("Name of the job").fill("orders")
    page.get_by_label("Pass mark").fill("0.6")
    page.get_by_role("button", name="Look at the files").click()
    until(lambda: [work["state"] for work in studio.works()] == ["done"])
    page.get_by_role("heading", name="Private data").wait_for()
    assert page.get_by_role("cell", name="orla@venn-bakery.com").is_visible()
    assert HOSTILE in page.locator("#preview").inner_text() or page.get_by_text("more", exact=False).first.is_visible()
    demand_usable(chromium, studio, {"preview": page.url.removeprefix(studio.url)})
    page.get_by_role("button", name="Make the job").click()

    page.get_by_role("heading", name="Start a climb").wait_for()
    page.get_by_text("job.toml").click()
    page.get_by_label("The file of the job").fill(JOB)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Write the order as goods").first.wait_for()
    page.get_by_label("Base model").fill("pocket")
    page.get_by_role("button", name="Climb", exact=True).click()
    done = studio.home / "runs" / "orders-1" / "done"
    until((done / "base-result.json").exists)
    page.get_by_text("The climb goes on when this page").wait_for()
    page.locator(".ladder .rung", has_text="Base").locator(".badge").wait_for()

    other, _ = open_page(chromium, studio)
    other.goto(studio.url + PAGES["job"])
    other.get_by_role("button", name="Climb", exact=True).click()
    waiting = other.get_by_role("region", name="Waiting")
    waiting.get_by_text("Climb orders").wait_for()
    waiting.get_by_role("button", name="Stop: Climb orders").click()
    waiting.wait_for(state="hidden")
    assert studio.works()[-1]["state"] == "stopped"
    other.context.close()

    studio.kill()
    page.get_by_role("alert").get_by_text("The studio does not answer").wait_for()
    studio.start()
    page.get_by_text("The studio does not answer").wait_for(state="hidden")

    until((done / "climbed.json").exists)
    page.get_by_text("Proven: it reaches the pass mark.").wait_for()
    page.locator(".rung.packaged.passed").wait_for()
    assert page.locator(".loss svg").count() >= 1
    assert [line for line in complaints if "ERR_CONNECTION" not in line] == []

    page.get_by_role("link", name="See its answers").click()
    page.get_by_text("It can be used").wait_for()
    assert page.locator("article mark").count() > 0
    page.get_by_label("Show").select_option("better")
    page.locator("#number").get_by_text("of 14").wait_for()
    page.locator("summary", has_text="Cost").click()
    page.get_by_role("region", name="Cost of each rung").get_by_role("rowheader", name="tune").wait_for()

    page.get_by_role("link", name="Talk").click()
    page.get_by_label("Your question").fill("Could you put ten lamps on the next van that goes to Frome?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Good answer of the specialist").click()
    page.get_by_text("feedback/orders.jsonl").wait_for()
    assert (studio.home / "feedback" / "orders.jsonl").read_text().count("\n") == 1
    assert [line for line in complaints if "ERR_CONNECTION" not in line] == []
    assert page.title().endswith("studio")  # no text of the table has run
    page.context.close()


PAGES = {
    "start": "/",
    "new": "/new",
    "job": "/job?path=orders",
    "examples": "/examples?path=orders",
    "run": "/run?path=runs/orders-1",
    "answers": "/answers?path=runs/orders-1",
    "compare": "/compare?a=runs/orders-1&b=runs/orders-2",
    "ship": "/ship?path=runs/orders-1",
    "talk": "/talk?path=runs/orders-1",
    "queue": "/queue",
}
FINISHED = {
    "examples": "table.examples",
    "answers": "article",
    "compare": "[aria-label='The two runs']",
    "preview": "#create",
    "run": ".rung.packaged",
    "talk": "#question",
    "ship": "#to",
    "job": "#climb",
    "new": ".drop",
    "start": "#runs",
    "queue": ".list li",
}


AXE_RUN = "axe.run(document, {resultTypes: ['violations'], runOnly: %s})"
ALL_RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"
STACKS_FIT = "() => [...document.querySelectorAll('.stack')].every((t) => t.scrollWidth <= t.parentElement.clientWidth)"
DARK = ("run", "answers", "new")  # together, they have all colours
CONTRAST = "{type: 'rule', values: ['color-contrast']}"


def serious(page: Any, rules: str) -> list[Any]:
    """What axe finds that is serious, with the elements."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(AXE_RUN % rules)["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def demand_usable(chromium: Any, studio: Studio, pages: dict[str, str]) -> None:
    """Each page, all of it opened, has nothing serious that axe finds, and is no wider than its screen."""
    # axe is a script that the studio's own policy would refuse.
    page, _ = open_page(chromium, studio, bypass_csp=True)
    for name, path in pages.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(studio.url + path)
        page.locator(FINISHED[name]).first.wait_for()
        page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
        if AXE.is_file():
            assert serious(page, ALL_RULES) == [], name
            if name in DARK:
                page.emulate_media(color_scheme="dark")
                assert serious(page, CONTRAST) == [], f"{name}, dark"
                page.emulate_media(color_scheme="light")
        for width in (2560, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, f"{name}, {width}"
            assert page.evaluate(STACKS_FIT), f"{name}, {width}"
    page.context.close()


def test_every_page_is_accessible_and_fits_from_a_phone_to_a_wide_screen(chromium: Any, studio: Studio) -> None:
    shutil.copytree(studio.home / "runs" / "orders-1", studio.home / "runs" / "orders-2")
    demand_usable(chromium, studio, PAGES)
    if not AXE.is_file():
        pytest.skip(f"axe-core is not in {AXE.parent}; .ci/run installs it from npm")


def test_a_climb_that_ends_without_further_events_is_shown_as_ended(chromium: Any, studio: Studio) -> None:
    ended = studio.home / "runs" / "orders-1" / "done" / "climbed.json"
    aside = ended.rename(studio.home / "climbed.json")
    page, complaints = open_page(chromium, studio)
    page.goto(studio.url + PAGES["run"])
    page.get_by_role("button", name="Go on").wait_for()  # all events are shown
    assert page.locator(".rung.passed").count() == 1 and page.locator(".rung.packaged").count() == 0
    aside.rename(ended)
    page.locator(".rung.packaged.passed").wait_for()
    assert page.get_by_role("button", name="Go on").count() == 0 and complaints == []
    page.context.close()


def test_a_verdict_that_does_not_follow_from_the_answers_is_not_shown_as_proven(chromium: Any, studio: Studio) -> None:
    edited = shutil.copytree(studio.home / "runs" / "orders-1", studio.home / "runs" / "edited")
    (edited / "specialist" / "evidence" / "test.jsonl").write_text("{}\n")
    page, complaints = open_page(chromium, studio)
    page.goto(studio.url + "/run?path=runs/edited")
    page.locator(".verdict").get_by_text("Not verified").wait_for()
    assert page.get_by_text("Proven: it reaches").count() == 0 and complaints == []

    def elsewhere(route: Any) -> None:
        route.fulfill(json=route.fetch().json() | {"own": False})

    held: list[Any] = []
    page.route("**/api/run?*", elsewhere)
    page.route("**/api/answers?*", lambda route: held.append(route))
    with page.expect_request("**/api/answers?*"):
        page.goto(studio.url + PAGES["run"])
    page.get_by_text("Its record says: passed.").wait_for()
    held.pop().continue_()
    page.locator(".verdict").get_by_text("It can be used").wait_for()
    page.context.close()


def test_a_climb_that_could_not_begin_says_why_when_its_folder_goes(chromium: Any, studio: Studio) -> None:
    page, _ = open_page(chromium, studio)
    page.goto(studio.url + PAGES["run"])
    page.locator(FINISHED["run"]).wait_for()
    begins = {"begins": {"state": "failed", "said": "There is no base <b>.", "about": {"job": "orders"}}}
    gone = {"error": {"what": "It is not there.", "why": "", "fix": ""}}
    page.route("**/api/run?*", lambda route: route.fulfill(json=begins))
    page.route("**/api/live?*", lambda route: route.fulfill(json=gone, status=404))
    page.get_by_text("The climb has not begun.").wait_for()
    assert page.get_by_role("alert").get_by_text("There is no base <b>.").is_visible()
    page.context.close()


def test_the_keyboard_is_enough(chromium: Any, studio: Studio) -> None:
    page, _ = open_page(chromium, studio)
    page.goto(studio.url + PAGES["examples"])
    page.locator(FINISHED["examples"]).wait_for()
    shown = page.evaluate("async (text) => (await import('/static/visible.js')).visible(text)", ACTING)
    assert shown == visible(ACTING)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    first = page.locator("button.cell").first
    first.focus()
    page.keyboard.press("Enter")
    answer = page.get_by_role("dialog").get_by_label("Answer")
    answer.wait_for()
    answer.fill("\u05e9\u05dc\u05d5\u05dd!")  # what is written from right to left begins at the right
    assert answer.evaluate("(area) => area.matches(':dir(rtl)')")
    assert first.evaluate("(cell) => getComputedStyle(cell).unicodeBidi") == "plaintext"
    page.get_by_role("dialog").get_by_role("button", name="Drop").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("Decision: drop").wait_for()
    page.locator("#drop:focus").wait_for()  # the keyboard keeps its place
    page.keyboard.press("Escape")
    page.locator("button.cell:focus").wait_for()
    assert page.get_by_role("dialog").count() == 0
    rows = [json.loads(line) for line in (studio.home / "orders" / "review.jsonl").read_text().splitlines()]
    assert [row["decision"] for row in rows if row.get("by")] == ["drop"]
    page.context.close()
