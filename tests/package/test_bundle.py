"""The package: once opened, it is the specialist that was scored; any changed file is named in an error."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny
from finish import finish
from gradschool.errors import DamagedError, ModelError, ResourceError, UsageError
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.adapter import save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.package.bundle import FOLDERS, carry, open_specialist, pack
from gradschool.package.groups import GroupNumbers
from gradschool.package.manifest import MANIFEST, read_manifest
from gradschool.records import Answer, Decoding, Example, Message, Note, RungResult, Scored, Source, Split
from gradschool.run import Run
from gradschool.settings import Ground, Settings
from gradschool.specialist import Recipe, Specialist, specialist_of

ASKED = [(Message("user", text),) for text in ("Hi", "When does the boat go?", "fox " * 3)]
EXAMPLES = tuple(
    Example(f"e{n}", (Message("user", f"the {n}"), Message("assistant", "é" * n)), f"g{n}", Source("f", n))
    for n in (1, 2, 3)
)
KINDS = ("bare", "shots", "nearest", "grounded", "tuned", "whole")


def recipe_of(kind: str, engine: LocalEngine, folder: Path) -> Recipe:
    """A recipe of a kind, its parts below `folder`."""
    recipe = Recipe('Say "é"\r\n\tshortly.', decoding=Decoding(max_new_tokens=4))
    match kind:
        case "shots":
            return replace(recipe, instructions="", shots=1, examples=EXAMPLES[:1])
        case "nearest":
            return replace(recipe, instructions="", shots=1, nearest=True, examples=EXAMPLES)
        case "grounded":
            (folder / "documents").mkdir(parents=True)
            (folder / "documents" / "a.md").write_text("The boat goes at noon.\n")
            finish(build_index(folder / "documents", folder / "index", Ground()))
            return replace(recipe, instructions="", passages=1, index=str(folder / "index"))
        case "tuned":
            network = shared_copy(engine.network)
            attach(network, rank=2, alpha=8, seed=1)
            with torch.no_grad():
                for number, (_, layer) in enumerate(lora_layers(network)):
                    generator = torch.Generator().manual_seed(number)
                    layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.3)
            save_adapter(network, folder / "adapter", engine.name, None)
            return replace(recipe, adapter=str(folder / "adapter"))
        case "whole":
            return replace(recipe, weights=str(tiny.save_model(folder / "own", hidden_size=64)))
    return recipe


def answers(specialist: Specialist) -> list[Answer]:
    found = sorted(specialist.answer(ASKED), key=lambda pair: pair[0])
    return [replace(answer, seconds=0.0) for _, answer in found]


def packed(kind: str, engine: LocalEngine, base: str, folder: Path) -> tuple[Specialist, Path]:
    """A specialist of a kind, and where it was packed."""
    run = Run.start(Job("small", folder, Settings(base_model=base)), folder / "run")
    specialist = specialist_of(engine, recipe_of(kind, engine, folder / "run" / "work"))
    result = RungResult("prompt", None)
    row = Scored("e1", "g1", "q", "a", Answer("a"), 1.0)
    place, _ = finish(pack(run, specialist, result, [result], [row], Split(("a",), ("b",), ("c",), "hash"), EXAMPLES))
    return specialist, Path(place)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base that can read a passage."""
    return tiny.save_model(tmp_path_factory.mktemp("readers") / "llama", max_position_embeddings=512)


@pytest.fixture(scope="module")
def packages(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """packages("tuned"): a packed specialist of that kind, made once; to be looked at only."""
    made: dict[str, Path] = {}

    def package(kind: str) -> Path:
        if kind not in made:
            engine = LocalEngine(base, name=str(base))
            made[kind] = packed(kind, engine, str(base), tmp_path_factory.mktemp(kind))[1]
        return made[kind]

    return package


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_answers_as_the_specialist_even_after_a_move(kind: str, base: Path, tmp_path: Path) -> None:
    engine = LocalEngine(base, name=str(base))
    specialist, place = packed(kind, engine, str(base), tmp_path / "made")
    before = answers(specialist)
    assert not any(answer.failure for answer in before)
    moved = tmp_path / "moved"
    shutil.move(place, moved)
    shutil.rmtree(tmp_path / "made")  # nothing that it was made from is needed
    opened, _ = finish(open_specialist(moved))
    assert answers(opened) == before
    shown = tuple(GroupNumbers().of(specialist.recipe.examples))  # names of groups are not packed
    expected = replace(specialist.recipe, examples=shown)
    assert replace(opened.recipe, adapter="", index="", weights="") == replace(
        expected, adapter="", index="", weights=""
    )
    for part in FOLDERS:
        assert bool(getattr(opened.recipe, part)) == bool(getattr(expected, part))
        assert getattr(opened.recipe, part) in ("", str(moved / part))
    if kind == "grounded":
        assert before[1].prompt_tokens > before[2].prompt_tokens + 20  # only this one finds a passage
    if kind in ("tuned", "whole"):
        assert before != answers(Specialist(engine, replace(expected, adapter="", weights="")))


def test_the_evidence_names_no_place_of_the_machine(tmp_path: Path) -> None:
    job = Job("small", tmp_path / "job", Settings(base_model="fake", ground=Ground(embedder=str(tmp_path / "words"))))
    run = Run.start(job, tmp_path / "runs" / "one")
    finish(run.recorded(note for note in [Note(f"Read {job.folder}/a.csv into {run.folder}.")]))
    specialist, result = specialist_of(FakeEngine(), Recipe()), RungResult("base", None)
    place, _ = finish(pack(run, specialist, result, [result], [], Split(("a",), ("b",), ("c",), "hash"), EXAMPLES))
    assert [path for path in Path(place).rglob("*") if path.is_file() and str(tmp_path) in path.read_text()] == []
    (event,) = [json.loads(line) for line in (Path(place) / "evidence" / "events.jsonl").read_text().splitlines()]
    assert event["text"] == "Read job/a.csv into one."
    saved = json.loads((Path(place) / "evidence" / "run.json").read_text())
    assert (saved["folder"], saved["settings"]["ground"]["embedder"]) == ("job", "words")


def parts_of(package: Path) -> list[str]:
    """One file of every kind in the package."""
    names = sorted(read_manifest(package).hashes)
    first: dict[str, str] = {}
    for name in names:
        first.setdefault("/".join(name.split("/")[:2]), name)
    return list(first.values())


@pytest.mark.parametrize("kind", ["nearest", "grounded", "tuned"])
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_each_damaged_part_is_named(kind: str, harm: str, packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages(kind), tmp_path / "copy")
    parts = parts_of(place)
    assert {"README.md", "evidence/test.jsonl", "evidence/split.json", "evidence/run.json"} <= set(parts)
    expected = {"nearest": "examples.jsonl", "grounded": "index/passages.jsonl", "tuned": "adapter/adapter_config.json"}
    assert expected[kind] in parts
    for name in parts:
        whole = (place / name).read_bytes()
        if harm == "changed":
            middle = len(whole) // 2
            (place / name).write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        else:
            (place / name).unlink()
        with pytest.raises(DamagedError) as caught:
            finish(open_specialist(place))
        assert str(place / name) in caught.value.what
        assert ("missing" in caught.value.why) == (harm == "missing")
        (place / name).write_bytes(whole)
    finish(open_specialist(place))


@pytest.mark.parametrize("name", ["extra.txt", "index/extra", "adapter/adapter_config.json", ".hidden"])
def test_an_additional_file_is_named(name: str, packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages("bare"), tmp_path / "copy")
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text("{}")
    with pytest.raises(DamagedError, match="not part of the package") as caught:
        finish(open_specialist(place))
    assert str(place / name) in caught.value.what


def test_empty_folders_are_ignored(packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages("bare"), tmp_path / "copy")
    for name in FOLDERS:
        (place / name).mkdir()
    opened, _ = finish(open_specialist(place))
    assert (opened.recipe.adapter, opened.recipe.index, opened.recipe.weights) == ("", "", "")


@pytest.mark.parametrize(
    "old, new",
    [
        ('verdict = "not passed"', 'verdict = "passed"'),
        ("max_new_tokens = 4", "max_new_tokens = 5"),
        ("shortly", "at length"),
        ("format = 3\n", ""),
        ('name = "small"', 'name = "other"'),
    ],
)
def test_a_changed_manifest_is_named(old: str, new: str, packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages("bare"), tmp_path / "copy")
    text = (place / MANIFEST).read_text(encoding="utf-8")
    assert old in text
    (place / MANIFEST).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises((DamagedError, UsageError)) as caught:
        finish(open_specialist(place))
    assert isinstance(caught.value, UsageError) == ("format" in old)
    assert str(place) in caught.value.what


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"hashes = 3", b"[hashes]\n"])
def test_an_unreadable_manifest_is_an_error(content: bytes, packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages("bare"), tmp_path / "copy")
    (place / MANIFEST).write_bytes(content)
    with pytest.raises((DamagedError, UsageError)) as caught:
        finish(open_specialist(place))
    assert str(place) in caught.value.what


def test_a_folder_that_is_no_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a specialist"):
        finish(open_specialist(tmp_path))


@pytest.mark.parametrize(("name", "says"), [("qwen3:8b", "ollama:qwen3:8b"), ("nowhere", "a climb writes one")])
def test_a_name_of_ollama_is_told_how_to_be_asked(name: str, says: str) -> None:
    with pytest.raises(UsageError, match="is not a specialist") as caught:
        finish(open_specialist(Path(name)))
    assert says in caught.value.fix


def test_another_base_is_rejected_and_a_moved_one_is_not(
    base: Path, packages: Callable[[str], Path], tmp_path: Path
) -> None:
    same = shutil.copytree(base, tmp_path / "same")
    opened, _ = finish(open_specialist(packages("tuned"), str(same)))
    assert answers(opened) == answers(finish(open_specialist(packages("tuned")))[0])
    other = tiny.save_model(tmp_path / "other", initializer_range=0.2, max_position_embeddings=512)
    with pytest.raises(DamagedError, match="not the one this specialist was made with") as caught:
        finish(open_specialist(packages("tuned"), str(other)))
    assert "weights" in caught.value.why and "--base" in caught.value.fix
    (same / "chat_template.jinja").write_text(tiny.CHATML.replace("<|im_start|>", "<|start|>"))
    with pytest.raises(DamagedError, match="chat template"):
        finish(open_specialist(packages("tuned"), str(same)))
    with pytest.raises(ModelError, match="does not exist"):
        finish(open_specialist(packages("tuned"), "./nowhere/at/all"))


def test_a_base_named_from_the_working_directory_is_found_from_any_other(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.parent)
    _, place = packed("bare", LocalEngine(base.resolve(), name=base.name), base.name, tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    opened, _ = finish(open_specialist(place))
    assert len(answers(opened)) == 3


def test_a_full_disk_while_packing_is_an_error_and_leaves_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ResourceError, match="disk is full"):
        packed("tuned", LocalEngine(base, name=str(base)), str(base), tmp_path)
    assert not (tmp_path / "run" / "specialist").exists()
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".specialist")]


@pytest.mark.parametrize("kind", ["tuned", "grounded"])
def test_packaged_with_its_base_it_needs_nothing_else(
    kind: str, base: Path, packages: Callable[[str], Path], tmp_path: Path
) -> None:
    there = shutil.copytree(base, tmp_path / "there")
    (there / "pytorch_model.bin").write_bytes(b"not needed")
    before = answers(finish(open_specialist(packages(kind)))[0])
    said, _ = finish(carry(packages(kind), tmp_path / "carried", True, str(there)))
    assert "needs nothing else" in said
    shutil.rmtree(there)
    opened, _ = finish(open_specialist(tmp_path / "carried"))
    assert isinstance(opened.engine, LocalEngine)
    assert opened.engine.folder == (tmp_path / "carried" / "base").resolve()
    assert answers(opened) == before
    assert not (tmp_path / "carried" / "base" / "pytorch_model.bin").exists()
    weights = tmp_path / "carried" / "base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(DamagedError, match=r"base/model\.safetensors"):
        finish(open_specialist(tmp_path / "carried"))


def test_packaged_without_its_base_it_names_the_base(
    base: Path, packages: Callable[[str], Path], tmp_path: Path
) -> None:
    said, _ = finish(carry(packages("tuned"), tmp_path / "carried", False))
    assert "base llama, which" in said and "--base" in said and str(base.parent) not in said
    assert read_manifest(tmp_path / "carried") == read_manifest(packages("tuned"))
    assert answers(finish(open_specialist(tmp_path / "carried"))[0]) == answers(
        finish(open_specialist(packages("tuned")))[0]
    )
    with pytest.raises(UsageError, match="already exists"):
        finish(carry(packages("tuned"), tmp_path / "carried", False))
    said, _ = finish(carry(packages("whole"), tmp_path / "whole", True))
    assert "needs no base" in said and not (tmp_path / "whole" / "base").exists()


def test_a_damaged_specialist_is_not_packaged(packages: Callable[[str], Path], tmp_path: Path) -> None:
    place = shutil.copytree(packages("tuned"), tmp_path / "copy")
    (place / "README.md").write_text("other")
    with pytest.raises(DamagedError, match=r"README\.md"):
        finish(carry(place, tmp_path / "carried", True))
    assert not (tmp_path / "carried").exists()


def another_epsilon(base: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))


def two_tokens_swapped(base: Path) -> None:
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    (first, one), (second, two) = list(vocab.items())[-2:]
    vocab[first], vocab[second] = two, one
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))


def another_end(base: Path) -> None:
    (base / "generation_config.json").write_text('{"eos_token_id": 5}')


@pytest.mark.parametrize("change", [another_epsilon, two_tokens_swapped, another_end])
def test_a_base_with_the_same_weights_and_other_files_is_refused(
    change: Callable[[Path], None], base: Path, packages: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    written = json.dumps(config | {"transformers_version": "9.9"}, indent=7)  # the same base, saved by another program
    (tmp_path / "base" / "config.json").write_text(written)
    finish(open_specialist(packages("shots"), str(tmp_path / "base")))
    change(tmp_path / "base")
    with pytest.raises(DamagedError, match="tokenizer or config differs"):
        finish(open_specialist(packages("shots"), str(tmp_path / "base")))


def test_a_private_file_behind_a_link_in_a_base_is_not_copied(
    base: Path, packages: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "base")
    (tmp_path / "id_key.json").write_text("{}")
    (tmp_path / "base" / "notes.json").symlink_to(tmp_path / "id_key.json")
    with pytest.raises(UsageError, match="link"):
        finish(carry(packages("shots"), tmp_path / "copy", True, str(tmp_path / "base")))
    assert not (tmp_path / "copy").exists()
