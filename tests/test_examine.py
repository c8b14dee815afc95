"""`gradschool check` shows what a base that is not here will be sent."""

from pathlib import Path

import small_job
from finish import finish
from gradschool.examine import examine
from gradschool.job import read_job

JOB = 'task = "Say the shelf."\nbase_model = "{base}"\n[data]\nexamples = "examples.jsonl"\n[goal]\npass_mark = 0.5\n'
SERVER = 'http://127.0.0.1:9/v1"\nmodel = "small'


def test_the_messages_for_a_server_are_shown_with_their_roles(tmp_path: Path) -> None:
    for name, base in (("fake", "fake"), ("far", SERVER)):
        folder = small_job.write_job(tmp_path / name, JOB.format(base=base))
        checked, _ = finish(examine(read_job(folder), 2))
        assert len(checked.shown) == 2
        for shown in checked.shown:
            roles = [text.partition(": ")[0] for text, trained in shown.segments if not trained]
            assert roles == ["system", "user"] and "Say the shelf." in shown.segments[0][0]
            assert shown.tokens > 0 == shown.trained_tokens
    printed = small_job.run("check", tmp_path / "fake", "--rows", 1).stdout
    assert "sent to the base as these messages" in printed and "system: Say the shelf." in printed
