"""What travels names no place on the user's machine: in any byte of a bundle, with or without its base."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import made
import tiny
from finish import finish
from gradschool.job import Job, read_job
from gradschool.model.local import LocalEngine
from gradschool.package.bundle import carry, open_specialist, pack
from gradschool.package.manifest import load_manifest, read_manifest, seal
from gradschool.package.portable import within, without_places
from gradschool.records import Answer, Failure, Note, RungResult, Scored, Split
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.specialist import Recipe, specialist_of

PLACES = ("Orchard", "Quince", "Medlar", "Damson", "Sloe")  # folders of the base, home, job, run and embedder


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mira")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/srv/mira/orders", "orders"),
        ("read /srv/mira/orders/a.csv, and /srv/mira/orders-2/b.csv", "read orders/a.csv, and orders-2/b.csv"),
        ("saved in '/data/runs/orders-1'.", "saved in 'orders-1'."),
        ("see /home/mira/notes/x.md", "see ~/notes/x.md"),
        ("/opt/models/small", "small"),
        ("/other/srv/mira/orders", "orders"),
        ("read /other/srv/mira/orders", "read /other/srv/mira/orders"),
        ("either/or, 3 / 4, https://example.org/srv/mira/", "either/or, 3 / 4, https://example.org/srv/mira/"),
        ("é /srv/mira/o", "é o"),
        ("/no_think", "/no_think"),
        ("/think about it", "/think about it"),
        ("both /usr/lib/x y and '/usr/share/z'", "both x y and 'z'"),
        ("of another machine: /Users/mira/a.csv", "of another machine: a.csv"),
        (r"in C:\Users\mira\a.csv, b", "in a.csv, b"),
        (r"D:\models\small", "small"),
        ("POST /v1/chat/completions", "POST /v1/chat/completions"),
        ("a folder /usr/lib/", "a folder lib/"),
        ("", ""),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_place_keeps_its_name_alone(text: str, short: str) -> None:
    shortened = without_places([Path("/srv/mira/orders"), Path("/data/runs/orders-1")])
    assert shortened({"a": [text, 1, None]}) == {"a": [short, 1, None]}


@pytest.mark.usefixtures("home")
def test_a_place_at_the_root_changes_nothing() -> None:
    assert without_places([Path("/"), Path("/orders")])("a /b c/ d") == "a /b c/ d"


def test_files_of_the_job_are_relative_to_it_and_others_keep_their_name(tmp_path: Path) -> None:
    (tmp_path / "my docs" / "all").mkdir(parents=True)
    (tmp_path / "job").mkdir()
    settings = {
        "task": "/no_think",
        "data": {"examples": [str(tmp_path / "job" / "a" / "x.csv"), "a/y.csv", "../other/z.csv"]},
        "documents": "../my docs/all",
        "metric": f"{tmp_path}/job/metrics.py:mine",
        "guidelines": "~/secret/rules.md",
        "note": "~ 3 words ../ or so",
    }
    assert within(Job("job", tmp_path / "job", Settings()))(settings) == {
        "task": "/no_think",
        "data": {"examples": ["a/x.csv", "a/y.csv", "z.csv"]},
        "documents": "all",
        "metric": "metrics.py:mine",
        "guidelines": "rules.md",
        "note": "~ 3 words ../ or so",
    }


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose folders have names that no text has by chance; the working directory is one of them."""
    for place in PLACES:
        (tmp_path / place).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "Quince"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "Quince" / "config"))
    monkeypatch.chdir(tmp_path / "Quince")
    return tmp_path


def packed(machine: Path, named: str, kind: str = "tuned") -> Path:
    """A specialist with an index and trained weights, of a job that names its base and other files in many ways."""
    base = tiny.save_model(machine / "Orchard" / "small", max_position_embeddings=512)
    job = machine / "Medlar" / "orders"
    job.mkdir()
    (job / "metrics.py").write_text("def mine(answer, example): return 1.0\n")
    (job / "job.toml").write_text(
        f"base_model = '{named}'\n[data]\nguidelines = '../../Sloe/rules.md'\nothers = '{machine}/Sloe/others'\n"
        f"[goal]\npass_mark = 0.5\nmetric = '{job}/metrics.py:mine'\n[ground]\nembedder = '{machine}/Sloe/words'\n"
    )
    run = Run.start(read_job(job), machine / "Damson" / "one")
    engine = LocalEngine(base, name=str(base))  # as earlier versions named it, in an adapter that is trained already
    parts = run.folder / "work" / "parts"
    recipe = made.recipe_of("grounded", engine, parts)
    recipe = replace(recipe, adapter=made.recipe_of("tuned", engine, parts).adapter)
    if kind == "whole":
        recipe = replace(recipe, adapter="", weights=str(tiny.save_model(run.folder / "own", hidden_size=64)))
    index = json.loads((parts / "index" / "manifest.json").read_text())
    words = {"name": str(machine / "Sloe" / "words"), "revision": None, "sha256": "0" * 64}
    (machine / "Sloe" / "words").mkdir()
    (parts / "index" / "manifest.json").write_text(json.dumps(index | {"embedder": words}))
    said = [f"Read {job}/a.csv.", f"Open {base} and {base}.", f"See {machine}/Quince/x, {machine}/Sloe/y: z"]
    finish(run.recorded(Note(text) for text in said))
    result = RungResult("tune", None)
    split = Split(("a",), ("b",), ("c",), "hash")
    failure = Failure("metric", f"metrics.py:1: FileNotFoundError: [Errno 2] No such file: '{machine}/Sloe/words.csv'")
    rows = [Scored("e1", "g1", "q /usr/lib/x", "a", Answer("a", failure=failure), 0.0, failure=failure)]
    place, _ = finish(pack(run, specialist_of(engine, recipe), result, [result], rows, split, made.SHOWN))
    assert "No such file: 'words.csv'" in (Path(place) / "evidence" / "test.jsonl").read_text()
    assert "q /usr/lib/x" in (Path(place) / "evidence" / "test.jsonl").read_text()  # what users wrote
    return Path(place)


def named_in(folder: Path, machine: Path) -> list[str]:
    """The files of a folder, or the zip of it, that name a place of the machine."""
    archive = Path(shutil.make_archive(str(machine / "bundle"), "zip", folder))
    files = [archive, *(path for path in folder.rglob("*") if path.is_file())]
    words = [word.encode() for word in (*PLACES, machine.name)]
    return [f"{path.name}: {word.decode()}" for path in files for word in words if word in path.read_bytes()]


@pytest.mark.parametrize("named", ["{machine}/Orchard/small", "../../Orchard/small", "../Orchard/small"])
@pytest.mark.parametrize("with_base", [False, True])
def test_no_byte_of_a_bundle_names_a_place(named: str, with_base: bool, machine: Path) -> None:
    place = packed(machine, named.format(machine=machine))
    config = machine / "Orchard" / "small" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_name_or_path": str(machine / "Orchard" / "x")}))
    needed, _ = finish(carry(place, machine / "out", with_base))
    assert named_in(machine / "out", machine) == [] and named_in(place, machine) == []
    manifest = read_manifest(machine / "out")
    assert (manifest.base_model, manifest.base.name, manifest.in_folder) == ("small", "small", True)
    assert ("small" in needed) is not with_base
    adapter = json.loads((machine / "out" / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "small"
    saved = json.loads((machine / "out" / "evidence" / "run.json").read_text())["settings"]
    assert (saved["base_model"], saved["goal"]["metric"]) == ("small", "metrics.py:mine")
    assert (machine / "out" / "evidence" / "metrics.py").exists()
    finish(open_specialist(machine / "out"))


def test_trained_weights_name_no_place(machine: Path) -> None:
    place = packed(machine, str(machine / "Orchard" / "small"), "whole")
    assert named_in(place, machine) == []
    finish(open_specialist(place))


def test_a_bundle_of_a_specialist_of_an_earlier_version_names_no_place(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = packed(machine, str(machine / "Orchard" / "small"))
    base = str(machine / "Orchard" / "small")
    adapter = place / "adapter" / "adapter_config.json"
    adapter.write_text(adapter.read_text().replace('"small"', json.dumps(base)))
    for name, text in (("folder", str(machine / "Medlar" / "orders")), ("base_model", base)):
        run = place / "evidence" / "run.json"
        saved = json.loads(run.read_text())
        (saved if name == "folder" else saved["settings"])[name] = text
        run.write_text(json.dumps(saved))
    questions = place / "evidence" / "questions.jsonl"
    questions.write_text(questions.read_text().replace('"file": "f"', f'"file": "{machine}/Medlar/a.jsonl"'))
    events = place / "evidence" / "events.jsonl"
    events.write_text(
        json.dumps({"event": "Note", "time": 1, "text": f"Read {machine}/Medlar/orders/a.csv", "level": "info"})
    )
    old = replace(load_manifest(place), base_model=base, in_folder=False)
    monkeypatch.setattr("gradschool.package.manifest.FORMAT", 2)
    seal(place, replace(old, base=replace(old.base, name=base)))
    monkeypatch.undo()
    assert len(named_in(place, machine)) >= 5
    finish(open_specialist(place))  # it still opens where it was made
    monkeypatch.setenv("HOME", str(machine / "Quince"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(machine / "Quince" / "config"))
    finish(carry(place, machine / "out", False))
    assert named_in(machine / "out", machine) == []
    assert read_manifest(machine / "out").in_folder
    finish(open_specialist(machine / "out"))


def test_a_bare_specialist_names_its_base_by_its_hashes(machine: Path) -> None:
    base = tiny.save_model(machine / "Orchard" / "pocket")
    job = Job("small", machine / "Medlar" / "job", Settings(base_model=str(base)))
    run = Run.start(job, machine / "Damson" / "two")
    specialist, result = specialist_of(LocalEngine(base), Recipe("Do it.")), RungResult("prompt", None)
    split = Split(("a",), ("b",), ("c",), "hash")
    place, _ = finish(pack(run, specialist, result, [result], [], split, made.SHOWN))
    assert named_in(Path(place), machine) == []
    opened, _ = finish(open_specialist(Path(place)))  # a folder that is called as the built-in base is
    assert opened.engine.identity.weights == specialist.engine.identity.weights
    said, _ = finish(carry(Path(place), machine / "out", False))
    assert "hashes" in said and "built-in" not in said
