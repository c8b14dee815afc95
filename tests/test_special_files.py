"""Every option and setting that names a file: a pipe, a socket or a device is refused, neither read nor replaced."""

import hashlib
import inspect
import os
import re
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import small_job
from gradschool import cli
from gradschool.files import read_file, sha256
from gradschool.options import flag_of, options
from small_job import Whole

SECONDS = 120  # after which a command is taken to read without end, on a busy machine too
SOURCE = Path(inspect.getfile(cli)).parent.parent
# Modules that read files of the package, or of /proc and /sys.
OWN_READS = {"environment.py", "studio/processes.py", "data/confusables.py", "audit/subject.py", "gates/forgetting.py"}
OWN_READS |= {f"model/{name}.py" for name in ("machine", "rendering", "threads")}

# For each command and parameter, its arguments with SPECIAL in the place of that parameter; RUN is a run, JOB its job.
READ = {
    "answer base": "RUN hello --base SPECIAL",
    "answer questions": "RUN SPECIAL",
    "answer specialist": "SPECIAL hello",
    "audit base": "RUN --base SPECIAL",
    "audit held_out": "RUN --held-out SPECIAL",
    "audit requests": "RUN --requests SPECIAL",
    "audit specialist": "SPECIAL",
    "audit train": "RUN --train SPECIAL",
    "bases name": "show SPECIAL",
    "bundle base": "RUN new --base SPECIAL --with-base",
    "bundle specialist": "SPECIAL new",
    "chat base": "RUN --base SPECIAL",
    "chat specialist": "SPECIAL",
    "check job": "SPECIAL",
    "climb job": "SPECIAL",
    "climb resume": "--resume SPECIAL",
    "export base": "RUN --to adapter --base SPECIAL",
    "export specialist": "SPECIAL --to adapter",
    "fit base": "SPECIAL",
    "fit job": "--job SPECIAL",
    "prepare guidelines": "JOB/examples.jsonl --for skill --into new --guidelines SPECIAL",
    "prepare others": "JOB/examples.jsonl --for style --into new --others SPECIAL",
    "prepare sources": "SPECIAL --for skill --into new",
    "prepare writer": "JOB/examples.jsonl --for skill --into new --writer SPECIAL",
    "report run": "SPECIAL",
    "runs which": "RUN SPECIAL",
    "score base": "RUN JOB/examples.jsonl --with-known --base SPECIAL",
    "score examples": "RUN SPECIAL",
    "score incumbent": "RUN JOB/examples.jsonl --with-known --incumbent SPECIAL",
    "score specialist": "SPECIAL JOB/examples.jsonl",
    "serve api_key_file": "RUN --port 0 --api-key-file SPECIAL",
    "serve base": "RUN --port 0 --base SPECIAL",
    "serve gguf": "RUN --port 0 --gguf SPECIAL",
    "serve specialists": "name=SPECIAL --port 0",
    "studio folders": "SPECIAL --no-browser",
}
WRITTEN = {
    "audit output": "RUN --output SPECIAL",
    "bundle target": "RUN SPECIAL",
    "check issues": "JOB --issues SPECIAL",
    "climb run": "JOB --run SPECIAL",
    "export output": "RUN --to adapter --output SPECIAL",
    "prepare into": "JOB/examples.jsonl --for skill --into SPECIAL",
    "prepare issues": "JOB/examples.jsonl --for skill --into new --issues SPECIAL",
    "report output": "RUN --output SPECIAL",
    "runs folder": "--in SPECIAL",
    "score output": "RUN JOB/examples.jsonl --with-known --output SPECIAL",
}
NO_FILES = {  # parameters with text that name no file
    *("author", "agent", "private", "language", "input_column", "output_column", "text_column", "group_column"),
    *("date_column", "allow_host", "allow_origin", "host", "api_key_env", "runtime"),
}
SETTINGS = (
    *("data.examples", "data.documents", "data.guidelines", "data.others", "goal.metric", "goal.incumbent"),
    *("goal.extra_metrics", "ground.embedder", "audit.harmful_requests", "base_model", "answers.json_schema"),
)


def test_no_parameter_that_may_name_a_file_is_missing() -> None:
    found = set()
    for command in cli.app.registered_commands:
        function: Any = inspect.unwrap(command.callback)  # type: ignore[arg-type]
        for name, kind in get_type_hints(function).items():
            if re.search(r"\bstr\b|Path|Any", str(kind)) and name not in ("overrides", "return"):
                found.add((function.__name__, name))
    named = {f"{command} {name}" for command, name in found if name not in NO_FILES}
    assert named == READ.keys() | WRITTEN.keys()


def test_no_setting_that_names_a_file_is_missing() -> None:
    texts = {one.path for one in options() if re.search("file|folder|metrics.py", one.help)}
    assert texts <= {*SETTINGS, "remote.api_key_env", "split.fresh_test"}


def test_files_of_others_are_read_in_one_way() -> None:
    """Which refuses what has no end (`files.read_file`); other ways are for files of the package and of the system."""
    reads = re.compile(r"\.read_(?:text|bytes)\(")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert found == OWN_READS


@contextmanager
def pipe(path: Path) -> Iterator[Path]:
    """A pipe: to open it waits for whoever writes."""
    os.mkfifo(path)
    yield path


@contextmanager
def listening(path: Path) -> Iterator[Path]:
    """A socket."""
    with closing(socket.socket(socket.AF_UNIX)) as one:
        one.bind(str(path))
        yield path


@contextmanager
def device(path: Path) -> Iterator[Path]:
    """A device, which can be read without end."""
    yield Path("/dev/zero")


@contextmanager
def endless(path: Path) -> Iterator[Path]:
    """A file, by its kind, in which the system describes itself: it has 8 bytes for each possible page of memory."""
    yield Path("/proc/self/pagemap")


KINDS: dict[str, Callable[[Path], Any]] = {
    "pipe": pipe,
    "socket": listening,
    "device": device,
    "endless": endless,
}


def ended(code: int, *arguments: str) -> str:
    """Run a command, which must end soon with an error; returns what it said."""

    def end(*_: object) -> None:
        raise AssertionError(f"{arguments} did not end")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        result = small_job.run(*arguments)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert "Traceback" not in result.output
    assert code == 0 or (result.exit_code in (2, 4, 5, 6, 7) and "What to do:" in result.stderr), result.output
    return result.output


def arguments(command: str, text: str, whole: Whole, special: Path) -> list[str]:
    text = text.replace("RUN", str(whole.run)).replace("JOB", str(whole.job)).replace("SPECIAL", str(special))
    return [command.partition(" ")[0], *text.split()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", READ)
def test_what_cannot_be_read_as_a_file_is_refused(what: str, kind: str, whole: Whole, here: Path) -> None:
    if kind == "endless" and what in ("audit requests", "prepare guidelines"):
        pytest.skip("it is read as an empty file, which is allowed here")
    with KINDS[kind](here / "special") as special:
        ended(2, *arguments(what, READ[what], whole, special))


@pytest.mark.parametrize("kind", ["pipe", "socket"])  # a device is not risked: root could replace it
@pytest.mark.parametrize("what", WRITTEN)
def test_nothing_takes_the_place_of_a_special_file(what: str, kind: str, whole: Whole, here: Path) -> None:
    with KINDS[kind](here / "special") as special:
        before = special.lstat()
        ended(0 if what == "runs folder" else 2, *arguments(what, WRITTEN[what], whole, special))
        assert special.lstat().st_ino == before.st_ino and stat.S_IFMT(special.lstat().st_mode) == stat.S_IFMT(
            before.st_mode
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_names_no_file_is_refused(setting: str, kind: str, here: Path) -> None:
    job = small_job.write_job(here / "job", 'task = "Write it."\nbase_model = "fake"\n[goal]\npass_mark = 0.5\n')
    with KINDS[kind](here / "special") as special:
        empty = kind == "endless" and setting != "answers.json_schema"  # which must hold a schema
        ended(0 if empty else 2, "check", str(job), flag_of(setting), str(special))


def test_a_loop_of_links_is_an_error(here: Path) -> None:
    (here / "loop").symlink_to("loop")
    job = small_job.write_job(here / "job")
    assert "loop" in ended(2, "climb", str(job), "--run", "loop")


def test_a_file_is_read_as_far_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_file(tmp_path / "file", 3) == b"123" and read_file(tmp_path / "file", 9) == b"12345"
    if Path("/proc/self/pagemap").exists():  # a file with 8 bytes for each possible page of memory
        assert read_file(Path("/proc/self/pagemap")) == b""
        assert sha256(Path("/proc/self/pagemap")) == hashlib.sha256().hexdigest()
