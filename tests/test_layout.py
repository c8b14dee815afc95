"""Each test file is named after the module it tests, in the same folder; the exceptions are listed here."""

from pathlib import Path

from slowest import SLOWEST

TESTS = Path(__file__).parent
SOURCES = {"recipes": TESTS.parent / "recipes", "bench": TESTS.parent / "bench"}
PACKAGE = TESTS.parent / "src" / "gradschool"
ACROSS_MODULES = {
    "audit/test_texts.py": "the requests, texts and users of the audit",
    "data/test_cleaning.py": "a dirty file, read and checked",
    "data/test_reader_properties.py": "properties of every reader of examples",
    "data/test_real_sets.py": "public data sets, read, checked and split",
    "export/test_export_in_four_bits.py": "exports over a quantized base",
    "gates/test_gates.py": "all gates, in one table of cases",
    "model/test_lora_over_four_bits.py": "LoRA over a quantized base",
    "parity/test_gguf_base.py": "compared with llama.cpp",
    "parity/test_llama_cpp.py": "compared with llama.cpp",
    "parity/test_peft.py": "compared with PEFT",
    "prepare/chats/test_vendors.py": "exports in the forms of their vendors",
    "prepare/test_sources.py": "every kind of source in one preparation",
    "recipes/test_pocket_eyes_recipe.py": "the recipe of pocket-eyes as a whole",
    "recipes/test_pocket_recipe.py": "the recipe of the built-in base",
    "score/test_coverage.py": "coverage of the confidence bounds, by simulation",
    "serve/test_clients.py": "the openai client against a server",
    "serve/test_serve_page.py": "the commands of docs/serve.md",
    "studio/test_in_browser.py": "the studio in a browser, from files to a specialist",
    "test_bad_input.py": "commands given bad files and arguments",
    "test_bad_surroundings.py": "commands without network, disk space or a server",
    "test_climb_in_four_bits.py": "a climb over a quantized base",
    "test_docs.py": "README and docs against the code",
    "test_examples.py": "the jobs in examples/",
    "test_generated_pages.py": "pages that a script writes",
    "test_layout.py": "this file",
    "test_leaving.py": "the worked example of leaving a hosted model",
    "test_patterns.py": "every regular expression of the project",
    "test_old_specialist.py": "a specialist and a run of an earlier version",
    "test_resume.py": "climbs that are killed and resumed",
    "test_special_files.py": "pipes, sockets and devices in the place of every file that can be named",
    "test_together.py": "a climb under torchrun",
}


def has_module(test: Path) -> bool:
    """Whether the module or package that a test file is named after exists."""
    folder, name = test.relative_to(TESTS).parent, test.stem.removeprefix("test_")
    root = SOURCES.get(folder.parts[0] if folder.parts else "")
    place = root / folder.relative_to(folder.parts[0]) / name if root else PACKAGE / folder / name
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def test_a_test_file_is_named_after_its_module() -> None:
    tests = sorted(TESTS.glob("**/test_*.py"))
    others = {test.relative_to(TESTS).as_posix() for test in tests if not has_module(test)}
    assert others == ACROSS_MODULES.keys()


def test_the_slowest_files_exist() -> None:
    """A renamed file would no longer start first."""
    assert [name for name in SLOWEST if not (TESTS / name).is_file()] == []
