"""Names that no system can look up end in an error that names them, wherever others wrote them down."""

from pathlib import Path

import pytest

import small_job
from gradschool.file_names import checked
from gradschool.model.opening import is_hub_id
from resealed import reseal

BAD = {"long": "a" * 5_000, "long part": f"x/{'é' * 200}/y", "NUL": "a\0b", "half a character": "a\ud800"}
ROWS = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(40)]
FAKE = 'task = "Say it."\nbase_model = "fake"\n[goal]\npass_mark = 0.1\n'


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
def test_a_name_that_names_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it "):
        checked(name)


@pytest.mark.parametrize("name", ["a", "", "näme with spaces\n", "\udcff", "C:\\x", "http://a.example/" + "b" * 1_000])
def test_a_name_that_may_name_something_stays(name: str) -> None:
    assert checked(name) == name


KEYS = ("base_model", "data.examples", "data.documents", "data.guidelines", "data.others", "ground.embedder",
        "goal.metric", "goal.extra_metrics")  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", [BAD["long"], BAD["NUL"]], ids=["long", "NUL"])
def test_a_job_with_such_a_name_is_refused(key: str, name: str, here: Path) -> None:
    table, _, last = key.rpartition(".")
    text = '"' + name.replace("\0", "\\u0000") + '"'
    value = f"[{text}]" if last == "extra_metrics" else text
    line = f"{last} = {value}\n"
    job = small_job.write_job(here / "job", f"[{table}]\n{line}" if table else line, ROWS)
    refused = small_job.run("check", job)
    assert refused.exit_code == 2 and key in refused.stderr and len(refused.stderr) < 2_000


@pytest.mark.parametrize("command", ["check", "answer", "chat", "report", "climb", "prepare", "serve", "score"])
def test_an_argument_that_is_too_long_is_refused(command: str, here: Path) -> None:
    more = {"answer": ["hello"], "score": ["x.jsonl"], "prepare": ["--purpose", "style", "--into", "x"]}
    refused = small_job.run(command, "a" * 5_000, *more.get(command, []))
    assert refused.exit_code == 2 and len(refused.stderr) < 8_000


@pytest.mark.parametrize("name", [*BAD.values(), "a/../b", "a--b/c", "owner/" + "n" * 97, "мир/модель", "a/b/c", "a b"])
def test_what_is_no_id_of_the_hub(name: str) -> None:
    assert not is_hub_id(name)


@pytest.mark.parametrize("name", ["small", "maker/small-1.5B_x", "-a/b", "o/" + "n" * 96])
def test_what_is_an_id_of_the_hub(name: str) -> None:
    assert is_hub_id(name)


@pytest.mark.parametrize("revision", ["x" * 5_000, "../../elsewhere", "a\0b", "a\nb", ""])
def test_a_revision_that_is_none_is_refused(revision: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    job = small_job.write_job(here / "job", FAKE.replace('"fake"', '"maker/small"'), ROWS)
    escaped = revision.replace("\0", "\\u0000").replace("\n", "\\n")
    (job / "job.toml").write_text(f'revision = "{escaped}"\n' + (job / "job.toml").read_text())
    assert small_job.run("check", job).exit_code == 5


def test_a_specialist_whose_base_has_such_a_name_is_damaged(here: Path) -> None:
    small_job.write_job(here / "job", FAKE, ROWS)
    assert small_job.run("climb", "job", "--run", "run").exit_code in (0, 3)
    folder = here / "run" / "specialist"
    for name in (BAD["long"], BAD["NUL"]):
        reseal(folder, lambda manifest, name=name: manifest.update(base_model=name))  # type: ignore[misc]
        for command in (("answer", folder, "hello"), ("score", folder, "job/examples.jsonl"), ("bundle", folder, "b")):
            refused = small_job.run(*command)
            assert refused.exit_code == 8 and "base_model" in refused.stderr
