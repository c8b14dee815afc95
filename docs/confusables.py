"""Write src/gradschool/data/confusables.toml, the letters of other scripts that look like Latin ones.

    pip install confusable-homoglyphs && python docs/confusables.py

The source is the table of Unicode Technical Standard 39 (confusables.txt), as the package confusable-homoglyphs has it.
Only letters that look like one letter are taken: digits and signs must stay different.
"""

import json
from collections import defaultdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import ascii_letters

import regex

FILE = Path(__file__).parents[1] / "src" / "gradschool" / "data" / "confusables.toml"
LETTER = regex.compile(r"(?V1)[\p{L}--\p{Latin}--\p{Common}]")


def main() -> None:
    """Write the file."""
    known = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8"))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for latin in ascii_letters:
        for one in known.get(latin, []):
            if LETTER.fullmatch(one["c"]):
                # Unicode has one form for I and l: a capital letter of that form looks like a capital one.
                found["I" if latin == "l" and one["c"].isupper() else latin].append(one["c"])
    lines = [f'{latin} = "{"".join(found[latin])}"' for latin in ascii_letters if found[latin]]
    about = f"confusable-homoglyphs {version('confusable-homoglyphs')}, from Unicode's confusables.txt"
    FILE.write_text("\n".join([f"# Written by docs/confusables.py: {about}.", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
