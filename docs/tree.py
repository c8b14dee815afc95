"""Print the tree of the project with a line for each file: the first sentence of what the file says about itself.

    python docs/tree.py                print it
    python docs/tree.py README.md      put it between the markers of that page

Modules stand in the order of the floors in pyproject.toml, top floor first.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "gradschool"
MARKERS = "<!-- tree:begin -->", "<!-- tree:end -->"
WIDTH = 28  # of the column of names
# A stop that ends a sentence: not the one of "et al." or "e.g.", not one inside a name.
SENTENCE_END = re.compile(r"(?<!\bal)(?<!e\.g)(?<!i\.e)[.?!](?=\s|$)")
OTHERS = {  # files that cannot speak for themselves
    "bases/pocket": "The built-in base: config, weights, tokenizer and chat template.",
    "data/private.toml": "Shapes of private data: keys, cards, phone numbers, ids, streets.",
    "gates/general.txt": "The general English text on which forgetting is measured.",
    "model/known.json": "Configs of well-known bases, for `gradschool fit`.",
    "prepare/guidelines.toml": "How guidelines say what a script can check, and the rules that this makes.",
    "prepare/instructions.toml": "How one asks for a letter or a text, by language.",
    "prepare/pseudonyms.toml": "Names that pseudonyms are made of.",
    "prepare/words.toml": "What mail programs and writers put around their own words, by language.",
    "package/card.md.j2": "The template of a specialist's model card.",
    "package/card_ask.md.j2": "How a card asks a model in Python.",
    "package/card_export.md.j2": "What the card of an export says about its form, and how to run it.",
    "package/page.html.j2": "The template of a run's page.",
}


def tree() -> str:
    """The whole tree as text."""
    lines = ["src/gradschool/"]
    for name in _floors():
        path = PACKAGE / name
        if path.is_dir():
            lines += [_line(1, f"{name}/", _says(path / "__init__.py"))]
            lines += [_line(2, inner, about) for inner, about in _files(path)]
        else:
            lines.append(_line(1, f"{name}.py", _says(path.with_suffix(".py"))))
    lines.append(_line(1, "bases/pocket/", OTHERS["bases/pocket"]))
    lines.append("examples/")
    pages = sorted(ROOT.glob("examples/*/README.md"))
    lines += [_line(1, f"{page.parent.name}/", f"{_title(page)}.") for page in pages]
    lines.append("docs/")
    lines += [_line(1, page.name, f"{_title(page)}.") for page in sorted((ROOT / "docs").glob("*.md"))]
    lines += [_line(1, file.name, _says(file)) for file in sorted((ROOT / "docs").glob("*.py"))]
    for folder in ("bench", "recipes/pocket"):
        lines.append(f"{folder}/")
        lines += [_line(1, file.name, _says(file)) for file in _modules(ROOT / folder)]
    lines += [_line(0, "tests/", "Mirrors src: tests/score/test_stats.py tests score/stats.py.")]
    return "\n".join(lines) + "\n"


def _floors() -> Iterator[str]:
    """Modules and folders of the package in the order of the floors, then those that no floor names."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = tools["importlinter"]["contracts"][0]["layers"]
    listed = [part.strip().partition(".")[2] for layer in layers for part in layer.split("|")]
    there = {path.stem for path in _modules(PACKAGE)} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    yield from (name for name in listed if name in there)
    yield from sorted(there - set(listed))


def _modules(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.iterdir()):
        if file.is_dir() or file.name.startswith((".", "__")):
            continue
        relative = file.relative_to(PACKAGE).as_posix()
        if file.suffix != ".py" and relative not in OTHERS:
            raise SystemExit(f"src/gradschool/{relative}: say in docs/tree.py what it is.")
        yield file.name, OTHERS.get(relative) or _says(file)


def _says(file: Path) -> str:
    """The first sentence of a module's docstring."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if not said:
        raise SystemExit(f"{file.relative_to(ROOT)} has no docstring.")
    paragraph = " ".join(said.partition("\n\n")[0].split())
    end = SENTENCE_END.search(paragraph)
    return paragraph[: end.end()] if end else paragraph


def _title(page: Path) -> str:
    """The heading of a Markdown page."""
    return page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").strip()


def _line(depth: int, name: str, about: str) -> str:
    return f"{'  ' * depth}{name:{WIDTH - 2 * depth}}{about}"


def between(page: str, markers: tuple[str, str], content: str) -> str:
    """The page with the content between its markers, as a block of text."""
    begin, end = markers
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise SystemExit(f"The page has no {begin} … {end}.")
    return f"{before}{begin}\n```text\n{content.strip(chr(10))}\n```\n{end}{after}"


def main(arguments: list[str]) -> None:
    """Print the tree, or put it into the page that is named."""
    if not arguments:
        print(tree(), end="")
        return
    page = Path(arguments[0])
    page.write_text(between(page.read_text(encoding="utf-8"), MARKERS, tree()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
