"""The environment of the programs that benchmarks compare with."""

from pathlib import Path

from bench.peers import DEFAULT

ROOT = Path(__file__).parents[2]


def test_the_environment_of_peers_is_in_the_repository_and_ignored() -> None:
    assert DEFAULT == ROOT / ".peers"
    assert ".peers/" in (ROOT / ".gitignore").read_text().splitlines()
    assert " .peers " in (ROOT / "Makefile").read_text()
