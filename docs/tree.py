"""Write docs/code.md: the tree of source files, each with the first sentence of its docstring.

    python docs/tree.py                    print the tree
    python docs/tree.py docs/code.md       insert it between the page's markers

Modules are in the order of the layers in pyproject.toml, top layer first.
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
WIDTH = 28  # of the column with names
# A sentence ends at a stop, but not at the one of "et al." or "e.g.", nor at one inside a file name.
SENTENCE_END = re.compile(r"(?<!\bal)(?<!e\.g)(?<!i\.e)[.?!](?=\s|$)")
OTHERS = {  # files without a docstring
    "audit/injections.toml": "Instructions planted in documents, and ways to ask for a specialist's own instructions.",
    "audit/pressure.toml": "What users say who push a specialist to break its guidelines.",
    "audit/requests.toml": "Harmful requests with harmless twins, and beginnings of answers that refuse or comply.",
    "audit/rehearsal.toml": "Harmful requests that no gate asks, for trainings that rehearse refusals of the base.",
    "bases/pocket": "The built-in base: config, weights, tokenizer and chat template.",
    "data/confusables.toml": "Letters of other scripts that look like Latin ones, by docs/confusables.py.",
    "data/private.toml": "Patterns of private data: keys, cards, phone numbers, ids, streets.",
    "gates/general.txt": "The general English text that the forgetting gate measures loss on.",
    "model/known.json": "Configs of well-known base models, for `gradschool fit`.",
    "prepare/guidelines.toml": "Phrases in guidelines that become rules.",
    "prepare/instructions.toml": "Instruction templates for letters and texts, by language.",
    "prepare/transcripts/notices.toml": "Phrases that messengers write in place of a message, by language.",
    "score/plain_letters.toml": "Sentences of letters that show no author, in several languages.",
    "prepare/pseudonyms.toml": "Names that pseudonyms are drawn from.",
    "prepare/mail/labels.toml": "Gmail's labels of drafts, chats, spam and discarded mail, in its languages.",
    "prepare/mail/patterns.toml": "Phrases that mail programs and writers put around a reply, by language.",
    "package/audit.md.j2": "The template of an audit's result as Markdown.",
    "package/card_gates.md.j2": "The table of gates in model cards and audits.",
    "package/card.md.j2": "The template of a specialist's model card.",
    "package/card_bases.md.j2": "The part of a model card that compares several bases.",
    "report/audit.html.j2": "The template of an audit's page.",
    "report/gates.html.j2": "A row of the table of gates, for the report and for an audit's page.",
    "report/bases.html.j2": "The part of the report page that compares several bases.",
    "package/card_ask.md.j2": "The part of a model card that shows how to query the model in Python.",
    "package/card_see.md.j2": "The part of a model card that shows how to ask about an image in Python.",
    "package/card_export.md.j2": "The part of a model card that describes an exported format and how to run it.",
    "report/calibration.html.j2": "The section of the report about the confidence of compared labels.",
    "report/coverage.html.j2": "The section of the report about a specialist that abstains: the risk-coverage curve.",
    "report/page.html.j2": "The template of a run's HTML report.",
    "report/style.css": "The styles of the report page, for screens and for print.",
    "report/words.html.j2": "The glossary of the report page.",
    "studio/static": "The scripts of the pages, which say in their first line what they are for, and their styles.",
    "studio/templates": "The frames of the pages.",
}


def tree() -> str:
    """The tree as text."""
    lines = ["src/gradschool/"]
    for name in _layers():
        path = PACKAGE / name
        if path.is_dir():
            lines += _package(path, 1)
        else:
            lines.append(_line(1, f"{name}.py", _summary(path.with_suffix(".py"))))
    lines.append(_line(1, "bases/pocket/", OTHERS["bases/pocket"]))
    lines.append("examples/")
    pages = sorted(ROOT.glob("examples/*/README.md"))
    lines += [_line(1, f"{page.parent.name}/", f"{_title(page)}.") for page in pages]
    lines.append("docs/")
    lines += [_line(1, page.name, f"{_title(page)}.") for page in sorted((ROOT / "docs").glob("*.md"))]
    lines += [_line(1, file.name, _summary(file)) for file in sorted((ROOT / "docs").glob("*.py"))]
    for folder in ("bench", "recipes/pocket"):
        lines.append(f"{folder}/")
        lines += [_line(1, file.name, _summary(file)) for file in _modules(ROOT / folder)]
    lines += [_line(0, "tests/", "A folder for each package of src/gradschool, and helpers.")]
    return "\n".join(lines) + "\n"


def _layers() -> Iterator[str]:
    """Modules and subpackages in the order of the layers, then those that no layer names."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = tools["importlinter"]["contracts"][0]["layers"]
    listed = [part.strip().partition(".")[2] for layer in layers for part in layer.split("|")]
    there = {path.stem for path in _modules(PACKAGE)} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    yield from (name for name in listed if name in there)
    yield from sorted(there - set(listed))


def _modules(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]


def _package(folder: Path, depth: int) -> Iterator[str]:
    """A line for the package, then its files and subpackages."""
    yield _line(depth, f"{folder.name}/", _summary(folder / "__init__.py"))
    for file in sorted(folder.iterdir()):
        relative = file.relative_to(PACKAGE).as_posix()
        if (file / "__init__.py").exists():
            yield from _package(file, depth + 1)
        elif file.is_dir() or file.name.startswith((".", "__")):
            if relative in OTHERS:
                yield _line(depth + 1, f"{file.name}/", OTHERS[relative])
        elif file.suffix != ".py" and relative not in OTHERS:
            raise SystemExit(f"src/gradschool/{relative} has no docstring: describe it in OTHERS in docs/tree.py.")
        else:
            yield _line(depth + 1, file.name, OTHERS.get(relative) or _summary(file))


def _summary(file: Path) -> str:
    """The first sentence of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if not docstring:
        raise SystemExit(f"{file.relative_to(ROOT)} has no docstring.")
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    end = SENTENCE_END.search(paragraph)
    return paragraph[: end.end()] if end else paragraph


def _title(page: Path) -> str:
    """The title of a Markdown page."""
    return page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").strip()


def _line(depth: int, name: str, about: str) -> str:
    return f"{'  ' * depth}{name:{WIDTH - 2 * depth}}{about}"


def between(page: str, markers: tuple[str, str], content: str) -> str:
    """The page with the content as a text block between its markers."""
    begin, end = markers
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise SystemExit(f"The page has no {begin} … {end}.")
    return f"{before}{begin}\n```text\n{content.strip(chr(10))}\n```\n{end}{after}"


def main(arguments: list[str]) -> None:
    """Print the tree, or insert it into the given page."""
    if not arguments:
        print(tree(), end="")
        return
    page = Path(arguments[0])
    page.write_text(between(page.read_text(encoding="utf-8"), MARKERS, tree()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
