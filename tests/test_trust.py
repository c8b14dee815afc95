"""What others made is opened safely: hosts, keys and code are allowed once, and nothing leads out of a folder."""

import json
import os
import shutil
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import small_job
from finish import finish
from gradschool.errors import DamagedError, DataError, TrustError, UsageError
from gradschool.job import Job
from gradschool.model.hosts import allow_host, key_variable, named_by_user
from gradschool.model.opening import open_engine
from gradschool.package.manifest import read_manifest, seal
from gradschool.run import Run
from gradschool.run_keys import SPLIT
from gradschool.settings import Settings
from gradschool.trust import TRUST, trusted

ROWS = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(40)]
FAKE = 'task = "Say it."\nbase_model = "fake"\n[goal]\npass_mark = 0.1\n'
SECRET = "ORCHARD_SECRET"


@pytest.fixture(autouse=True)
def nothing_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv(SECRET, "hidden-value")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")


def test_a_host_is_asked_for_once() -> None:
    with pytest.raises(TrustError, match=r"--allow-host https://models\.example"):
        key_variable("https://models.example/v1", None)
    allow_host("models.example")
    assert key_variable("https://models.example/v1", None) == "OPENAI_API_KEY"
    for other in ("http://models.example/v1", "https://models.example:8443", "https://models.example@evil.example/v1"):
        with pytest.raises(TrustError):
            key_variable(other, None)
    assert TRUST.path.stat().st_mode & 0o777 == 0o600
    assert "sk-of-the-user" not in TRUST.path.read_text()


@pytest.mark.parametrize(
    "host", ["a.localhost:11434", "localhost.localdomain:8000", "ip6-localhost", "localhost.evil.example"]
)
def test_a_name_that_only_looks_local_is_asked_for(host: str) -> None:
    with pytest.raises(TrustError, match="--allow-host"):
        key_variable(f"http://{host}/v1", None)
    allow_host(f"http://{host}")
    assert key_variable(f"http://{host}/v1", None) == "OPENAI_API_KEY"


@pytest.mark.parametrize("address", ["https://models.example/v1", "http://127.0.0.1:9/v1"])
def test_a_job_cannot_choose_the_variable_that_a_host_gets(address: str) -> None:
    with pytest.raises(TrustError, match=SECRET):
        key_variable(address, SECRET)
    allow_host(address)
    with pytest.raises(TrustError, match=SECRET):
        key_variable(address, SECRET)
    allow_host(f"{address}={SECRET}")
    assert key_variable(address, SECRET) == key_variable(address, None) == SECRET


def test_an_address_given_as_an_option_names_the_host() -> None:
    named_by_user("https://models.example/v1")
    assert key_variable("https://models.example/v1", None) == "OPENAI_API_KEY"
    named_by_user("pocket")
    named_by_user("https://huggingface.co/maker/small")  # a download, which gets no API key
    assert list(trusted().hosts) == ["https://models.example"]


@pytest.mark.parametrize("text", ["", "=KEY", "a.example=sk-not a name", "http://", "a b"])
def test_a_host_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        allow_host(text)


def test_a_specialist_gets_no_key_unless_the_host_was_allowed(serve: Callable[..., str], tmp_path: Path) -> None:
    seen: list[str | None] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    address = f"{serve(Listener)}/v1"
    settings = Settings.model_validate({"base_model": address, "model": "m", "remote": {"api_key_env": SECRET}})
    engine, _ = finish(open_engine(settings, tmp_path, packaged=True))
    assert engine.context_length and seen and not any(seen)


CODE = "from pathlib import Path\nPath('ran').touch()\ndef mine(answer, example): return 1.0\n"


def job_with_code(folder: Path, metric: str = "metrics.py:mine") -> Path:
    job = small_job.write_job(folder, FAKE.replace("[goal]", f'[goal]\nmetric = "{metric}"'), ROWS)
    (job / "metrics.py").write_text(CODE)
    return job


def test_code_runs_only_if_it_is_trusted_until_it_changes(here: Path) -> None:
    job = job_with_code(here / "job")
    refused = small_job.run("check", job)
    assert refused.exit_code == 9 and "--trust-code" in refused.stderr and not (here / "ran").exists()
    assert small_job.run("check", job, "--trust-code").exit_code == 0 and (here / "ran").exists()
    assert small_job.run("check", job).exit_code == 0
    (job / "metrics.py").write_text(CODE + "# another line\n")
    assert small_job.run("check", job).exit_code == 9


@pytest.mark.parametrize("outside", ["../metrics.py:mine", "/proc/self/cwd/metrics.py:mine", "link.py:mine"])
def test_code_outside_of_the_job_is_refused(outside: str, here: Path) -> None:
    (here / "metrics.py").write_text(CODE)
    job = job_with_code(here / "job", outside)
    (job / "link.py").symlink_to(here / "metrics.py")
    assert small_job.run("check", job, "--trust-code").exit_code == 2
    assert not (here / "ran").exists()


def test_a_specialist_scores_with_its_own_code_if_that_is_trusted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_with_code(here / "job")
    (job / "job.toml").write_text((job / "job.toml").read_text() + f'[remote]\napi_key_env = "{SECRET}"\n')
    assert small_job.run("climb", job, "--run", "run", "--trust-code").exit_code in (0, 3)
    assert not any(SECRET in path.read_text() for path in (here / "run" / "specialist").rglob("*.*") if path.is_file())
    shutil.rmtree(job)
    (here / "ran").unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "someone else"))
    small_job.write_job(here / "more", FAKE, ROWS)
    more = here / "more" / "examples.jsonl"
    assert small_job.run("score", "run", more, "--with-known").exit_code == 9 and not (here / "ran").exists()
    assert small_job.run("report", "run").exit_code == 0 and not (here / "ran").exists()
    assert small_job.run("score", "run", more, "--with-known", "--trust-code").exit_code == 0


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe"])
def test_links_and_special_files_in_a_specialist_are_refused(kind: str, here: Path) -> None:
    small_job.write_job(here / "job", FAKE, ROWS)
    small_job.run("climb", "job", "--run", "run")
    (here / "key").write_text("private")
    (here / "keys").mkdir()
    place = here / "run" / "specialist" / "evidence" / "extra"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "link to a file":
            place.symlink_to(here / "key")
        case _:
            place.symlink_to(here / "keys")
    if kind == "link to a file":  # sealed as if it were a part of the specialist
        place.unlink()
        place.write_text("private")
        manifest = read_manifest_of(here / "run" / "specialist")
        place.unlink()
        place.symlink_to(here / "key")
        assert "evidence/extra" in manifest
    result = small_job.run("bundle", "run", "copy")
    assert result.exit_code == 8 and "extra" in result.stderr and not (here / "copy").exists()


def read_manifest_of(folder: Path) -> list[str]:
    """Seal a folder again with a file that was added; the names in its manifest."""
    from gradschool.package.manifest import load_manifest

    return list(seal(folder, load_manifest(folder)).hashes)


def test_names_in_a_manifest_stay_in_the_folder(here: Path) -> None:
    small_job.write_job(here / "job", FAKE, ROWS)
    small_job.run("climb", "job", "--run", "run")
    text = (here / "run" / "specialist" / "specialist.toml").read_text()
    (here / "run" / "specialist" / "specialist.toml").write_text(text.replace('"evidence/split.json"', '"../run.json"'))
    with pytest.raises(DamagedError):
        read_manifest(here / "run" / "specialist")


def test_a_changed_metric_or_guideline_is_not_mixed_into_a_run(here: Path) -> None:
    job = small_job.write_job(here / "job", FAKE + '[data]\nguidelines = "g.md"\n', ROWS)
    (job / "g.md").write_text("Be brief.")
    small_job.run("climb", job, "--run", "run")
    assert small_job.run("climb", "--resume", "run").exit_code in (0, 3)
    (job / "g.md").write_text("Be long.")
    changed = small_job.run("climb", "--resume", "run")
    assert changed.exit_code == DataError.exit_code and "g.md has changed" in changed.stderr


def test_the_loser_of_two_climbs_removes_nothing(tmp_path: Path) -> None:
    job = Job("small", tmp_path, Settings())
    first = Run.start(job, tmp_path / "run")
    with pytest.raises(UsageError, match="already holds a run"):
        Run.start(job, tmp_path / "run")
    with first, pytest.raises(UsageError, match="another process"), Run.open(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "run.json").exists()


def test_a_failed_run_is_removed_while_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.start(Job("small", tmp_path, Settings()), tmp_path / "run")
    held: list[bool] = []
    discard = Run._discard
    monkeypatch.setattr(Run, "_discard", lambda self: (held.append(self._lock.is_locked), discard(self)))
    with pytest.raises(DataError), run:
        raise DataError("no examples")
    assert held == [True] and not (tmp_path / "run").exists() and run.saved(SPLIT) is None


def test_default_folders_are_never_shared(here: Path) -> None:
    job = Job("small", here, Settings())
    assert len({Run.start(job).folder for _ in range(4)}) == 4


def test_leftovers_of_kills_are_removed_and_files_of_the_user_stay(tmp_path: Path) -> None:
    Run.start(Job("small", tmp_path, Settings()), tmp_path / "run")
    (tmp_path / "run" / ".specialist.ab12cd_9").mkdir()
    (tmp_path / "run" / ".notes.ab12cd_9").write_text("mine")
    (tmp_path / "run" / "done").mkdir()
    (tmp_path / "run" / "done" / ".base.json.ab12cd_9").write_text("{")
    with Run.open(tmp_path / "run"):
        pass
    assert [path.name for path in (tmp_path / "run").rglob(".*") if path.name != ".lock"] == [".notes.ab12cd_9"]


def test_a_job_moved_with_its_run_resumes(here: Path) -> None:
    small_job.write_job(here / "job", FAKE, ROWS)
    assert small_job.run("climb", "job", "--run", "job/runs/a").exit_code in (0, 3)
    (here / "job").rename(here / "elsewhere")
    result = small_job.run("climb", "--resume", "elsewhere/runs/a", "--json")
    assert result.exit_code in (0, 3), result.output
    assert json.loads(result.stdout)["verdict"]


def test_a_foreign_run_with_a_link_is_not_opened(here: Path) -> None:
    Run.start(Job("small", here, Settings()), here / "run")
    (here / "mine").write_text("")
    (here / "run" / "events.jsonl").symlink_to(here / "mine")
    with pytest.raises(DamagedError, match="link"):
        Run.open(here / "run")


def foreign(here: Path, private: str = "The code of the safe is 4711.") -> Path:
    """A run of someone else that names the user's own job: its guidelines, its schema, and its examples."""
    rule = '[[goal.rules]]\nname = "form"\nkind = "json_schema"\nvalue = "form.json"\n'
    job = small_job.write_job(here / "mine", f'{FAKE}{rule}[data]\nguidelines = "private.md"\n', ROWS)
    (job / "private.md").write_text(private)
    (job / "form.json").write_text(json.dumps({"description": private}))
    assert small_job.run("climb", job, "--run", "run").exit_code in (0, 3)
    run = json.loads((here / "run" / "run.json").read_text())
    strange = here / "strange"
    strange.mkdir()
    (strange / "run.json").write_text(json.dumps({**run, "run": "/srv/strange", "name": "theirs"}))
    return strange


def test_a_foreign_run_takes_nothing_from_the_folder_that_it_names_without_asking(here: Path) -> None:
    strange = foreign(here)
    for again in range(2):
        refused = small_job.run("climb", "--resume", strange)
        assert refused.exit_code == 9 and "--trust-run" in refused.stderr and str(here / "mine") in refused.stderr, (
            again
        )
    assert small_job.run("report", strange).exit_code == 0
    assert not any("4711" in path.read_text() for path in strange.rglob("*") if path.is_file())
    assert not (strange / "done").exists()
    allowed = small_job.run("climb", "--resume", strange, "--trust-run")
    assert allowed.exit_code in (0, 3), allowed.stderr
    assert small_job.run("climb", "--resume", strange).exit_code in (0, 3)  # remembered


def test_a_run_that_comes_back_with_another_job_is_asked_for(here: Path) -> None:
    foreign(here)
    assert small_job.run("climb", "--resume", "run").exit_code in (0, 3)  # one's own
    run = json.loads((here / "run" / "run.json").read_text())
    run["settings"]["data"]["guidelines"] = "../other.md"
    (here / "run" / "run.json").write_text(json.dumps(run))
    refused = small_job.run("climb", "--resume", "run")
    assert refused.exit_code == 9 and "has changed since" in refused.stderr


def test_inputs_are_not_recorded_anew(here: Path) -> None:
    foreign(here)
    (here / "run" / "done" / "inputs.json").unlink()
    (here / "mine" / "private.md").write_text("Another text.")
    refused = small_job.run("climb", "--resume", "run")
    assert refused.exit_code == 8 and "inputs.json" in refused.stderr
    assert not (here / "run" / "done" / "inputs.json").exists()


def test_without_a_place_to_remember_a_run_is_begun_and_then_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    small_job.write_job(here / "job", FAKE, ROWS)
    assert small_job.run("climb", "job", "--run", "run").exit_code in (0, 3)
    assert small_job.run("climb", "--resume", "run").exit_code == 9
