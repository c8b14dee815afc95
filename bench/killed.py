"""The commands that `kills` kills: what each begins with, what it writes, and the moments at which a kill may hurt."""

import multiprocessing
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from bench.kill_inputs import write_base, write_job, write_mails
from gradschool.files import hash_tree, read_json, sha256, write_text
from gradschool.package.manifest import MANIFEST, read_manifest

PRELOADED = [  # what takes long to import and starts no threads
    *("gradschool.climbing", "gradschool.model.local", "gradschool.tune.world", "transformers.models.llama"),
    *("lance_namespace", "gradschool.export.export", "gradschool.prepare.prepare", "sklearn.linear_model"),
]
VARYING = re.compile(r"^(evidence/|index/lance/|(README.md|specialist.toml|parity.json)$)")  # times, random names
ENDED = (0, 3)  # exit codes of a command that came to its end


@dataclass(frozen=True)
class Case:
    """A command that is killed and repeated in a folder: it reads `given/` and writes `out`."""

    name: str
    command: Callable[[Path], list[str]]
    moments: tuple[str, ...]  # files below the folder that show one; the first one first
    begins: str = ""  # folder that is the first `out`; by default there is none
    once: bool = True  # it refuses an `out` that exists


def climb(base: str) -> Callable[[Path], list[str]]:
    """The command that begins or resumes a climb."""

    def command(place: Path) -> list[str]:
        if (place / "out" / "run.json").exists():
            return ["climb", "--resume", "out"]
        return ["climb", "given/orders", "--run", "out", "--base-model", base]

    return command


def fixed(*words: str) -> Callable[[Path], list[str]]:
    """The same command each time."""
    return lambda place: list(words)


TEMPORARY = ".out.gradschool-*"
PREPARE = fixed("prepare", "given/sources", "--for", "style", "--author", "anna@example.org", "--into", "out")
ANSWERS = ("out/answers/*", "out/done/base*")
INDEX = ("out/work/.index*", "out/work/.index*/passages.jsonl", "out/work/.index*/.manifest*", "out/work/index")
TRAINING = ("out/work/tune/*", "out/work/tune/training.safetensors", "out/work/tune/.*", "out/done/tune*")
PACKAGE = ("out/.specialist*", "out/.specialist*/evidence/*", "out/.specialist*/.specialist.toml*", "out/specialist")
BASE = "base"
CASES = (
    Case("climb over the fake base", climb("fake"), (*ANSWERS, *INDEX, "out/done/ground*", *PACKAGE), once=False),
    Case("climb that trains", climb(BASE), (*INDEX[-1:], *TRAINING, *PACKAGE), once=False),
    *(
        Case(
            f"export --to {form}",
            fixed("export", "given/specialist", "--to", form, "-o", "out", "--base", BASE),
            (TEMPORARY, f"{TEMPORARY}/*.{kind}", f"{TEMPORARY}/README.md", f"{TEMPORARY}/.parity*", "out"),
        )
        for form, kind in (("adapter", "safetensors"), ("merged", "safetensors"), ("gguf", "gguf"))
    ),
    *(
        Case(
            " ".join(("bundle", *more)),
            fixed("bundle", "given/specialist", "out", *more, "--base", BASE),
            (TEMPORARY, f"{TEMPORARY}/evidence/*", f"{TEMPORARY}/adapter/*", f"{TEMPORARY}/base/*", "out"),
        )
        for more in ((), ("--with-base",))
    ),
    *(
        Case(
            name,
            PREPARE,
            (TEMPORARY, f"{TEMPORARY}/drafts", "out/.*", "out/private", "out/.prepared*", "out/.job*", "out/.report*"),
            begins,
            once=False,
        )
        for name, begins in (("prepare", ""), ("prepare again", "prepared"))
    ),
)  # fmt: skip


def start(words: list[str], place: Path, moment: str = "") -> ForkServerProcess:
    """Start a command in a folder: forked from a process that has imported torch, so that kills meet its work.

    It kills itself as soon as Python opens, makes or renames a file or folder of that name.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_command, args=(words, place, moment))
    process.start()
    return process


def _command(words: list[str], place: Path, moment: str) -> None:
    with (place / "said").open("a") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(place)
    sys.argv = ["gradschool", *words]

    def kill(event: str, given: tuple[Any, ...]) -> None:
        if event in ("open", "os.mkdir", "os.rename"):
            names = [str(place / one) for one in given if isinstance(one, str | Path)]
            if any(fnmatch(name, f"{place}/{moment}") for name in names):
                os.kill(os.getpid(), signal.SIGKILL)

    if moment:
        sys.addaudithook(kill)
    from gradschool.cli import main

    main()


def run(words: list[str], place: Path) -> None:
    """Run a command to its end, which must be a good one."""
    process = start(words, place)
    process.join()
    if process.exitcode not in ENDED:
        raise RuntimeError(f"gradschool {' '.join(words)} ended with {process.exitcode}: {said(place)}")


def said(place: Path) -> str:
    """The end of what the commands in a folder have printed."""
    return (place / "said").read_text(encoding="utf-8")[-1000:]


def write_given(home: Path) -> None:
    """Write what the commands read: a base, a job and its specialist, mails, and a job folder prepared from a part."""
    given, sources = home / "given", home / "given" / "sources"
    write_base(home / BASE)
    write_job(given / "orders")
    run(["climb", "given/orders", "--run", "first", "--base-model", BASE], home)
    shutil.copytree(home / "first" / "specialist", given / "specialist")
    write_mails(sources / "box.mbox", range(12))
    run([*PREPARE(home)[:-1], "prepared"], home)
    job = home / "prepared" / "job.toml"
    write_text(job, f"# mine\n{job.read_text(encoding='utf-8')}")
    write_mails(sources / "more.mbox", range(12, 20))


def ended(out: Path) -> bool:
    """Whether what a command wrote says of itself that it is whole."""
    if (out / "run.json").exists():
        return (out / "done" / "climbed.json").exists()
    if (out / "job.toml").exists():
        return not read_json(out / "prepared.json").get("writing")
    return any(out.glob("*.toml")) or (out / "README.md").exists()


def open_packages(out: Path) -> None:
    """Open the specialist that was written, if there is one, as users do; raises an error if it is not whole."""
    for folder in (out, out / "specialist"):
        if (folder / MANIFEST).exists():
            read_manifest(folder)


def outcome(out: Path) -> dict[str, Any]:
    """What must be equal in the end: the scores and trained weights of a climb, and the files that were written."""
    climbed = out / "done" / "climbed.json"
    results = read_json(climbed)["results"] if climbed.exists() else []
    package = out / "specialist" if results else out
    whole = {name: sha for name, sha in hash_tree(package).items() if ".gradschool-" not in name}
    files = {name: sha for name, sha in whole.items() if not VARYING.search(name)}
    adapters = {path.parent.name: sha256(path) for path in out.glob("work/tune/*/adapter_model.safetensors")}
    scores = [(one["rung"], one["report"] and one["report"]["score"]) for one in results]
    return {"scores": scores, "adapters": adapters, "files": files}
