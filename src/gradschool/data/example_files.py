"""The files of examples that paths name: files, folders and patterns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gradschool.data.issues import Issue
from gradschool.errors import DataError
from gradschool.job import EXAMPLE_FILES
from gradschool.records import Source

PARTS = {"train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval"}
NOT_EXAMPLES = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "package.json"}


def example_files(paths: Sequence[Path]) -> tuple[dict[str, Path], list[Issue]]:
    """The files, by the name that the user knows them by, and issues about files that are left out or parts of a split.

    Raises DataError if a folder or a pattern has no file of examples, and for a pipe or a device.
    """
    files: dict[str, Path] = {}
    issues: list[Issue] = []
    for path in paths:
        if path.is_dir():
            found, left = _in_folder(path)
            files |= {f"{path.resolve().name}/{name}": file for name, file in found.items()}
            issues += left
        elif any(character in path.name for character in "*?[") and not path.exists():
            matched = sorted(file for file in path.parent.glob(path.name) if file.is_file())
            if not matched:
                raise DataError(f"{path} matches no file.", "It is a pattern.", "correct it, or name the files.")
            files |= {file.name: file for file in matched}
        else:
            _refuse_special(path)
            files[_shortest(path, files)] = path
    names = {file.stem.casefold() for file in files.values()}
    if len(files) > 1 and len(parts := sorted(names & PARTS)) > 1:
        text = f"the files {', '.join(parts)} are read as one set; the split is drawn anew from all of them"
        issues.append(Issue("layout", Source(next(iter(files)), 1), "kept", text))
    return files, issues


def _refuse_special(path: Path) -> None:
    """Raise DataError for a pipe or a device, which may never end, and cannot be read a second time."""
    if path.exists() and not path.is_file():
        raise DataError(
            f"{path} is not a file.",
            "It is a pipe or a device, and examples are read more than once.",
            "write what it gives into a file, and name that file.",
        )


def _shortest(path: Path, taken: Mapping[str, Path]) -> str:
    """The file's name, with as many of the folders above it as it takes to differ from the names that are taken."""
    parts = path.parts
    names = ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
    return next((name for name in names if name not in taken), str(path))


def _in_folder(folder: Path) -> tuple[dict[str, Path], list[Issue]]:
    everything = sorted(file for file in folder.rglob("*") if file.is_file() and not _hidden(file, folder))
    found = {
        file.relative_to(folder).as_posix(): file
        for file in everything
        if file.suffix.casefold() in EXAMPLE_FILES and file.name not in NOT_EXAMPLES
    }
    if not found:
        raise DataError(
            f"{folder} cannot be read as examples.",
            f"It is a folder without a file of examples; these end in {', '.join(EXAMPLE_FILES)}.",
            "name a file of examples, or a folder with some.",
        )
    left = [file.relative_to(folder).as_posix() for file in everything if file not in found.values()]
    if not left:
        return found, []
    shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
    text = f"files of the folder that are not files of examples are left out ({len(left)}): {shown}"
    return found, [Issue("layout", Source(next(iter(found)), 1), "kept", text)]


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
