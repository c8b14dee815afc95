"""Exports of one specialist, the fixture `specialist` of a test file, which is asked its questions once."""

from dataclasses import replace
from pathlib import Path

import pytest

from finish import finish
from gradschool.export import export as exporting
from gradschool.export.export import ExportOptions
from gradschool.export.session import ExportSession
from gradschool.package.manifest import Manifest, read_manifest
from gradschool.records import Work


@pytest.fixture(scope="module")
def opened(specialist: Path) -> ExportSession:
    """The specialist and its answers, for exports that are compared with them."""
    return finish(exporting.open_session(ExportOptions(specialist, "merged"), read_manifest(specialist)))[0]


@pytest.fixture
def answered(opened: ExportSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of the specialist check what can be made of it, but do not ask it its questions again."""

    def reopen(options: ExportOptions, _: Manifest) -> Work[ExportSession]:
        yield from ()
        template = exporting.check(options.to, opened.specialist, opened.engine)
        return replace(opened, template=template, max_drop=options.max_drop)

    monkeypatch.setattr(exporting, "open_session", reopen)
