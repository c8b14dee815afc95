"""Prepare a mailbox of five gigabytes: time and peak memory.

    python -m bench.mailbox_scale [GIGABYTES]        (default 5)

Generated mails alternate between two people: replies with quotes and signatures, one in three with an attachment of
300 KB on average. Writes wall and processor seconds to bench/results/mailbox_scale.json.
"""

import base64
import random
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench.prepare_scale import PREPARE, measured
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json

RESULTS = Path(__file__).parent / "results" / "mailbox_scale.json"
CORRESPONDENTS = 300
ATTACHED = 3  # one of so many mails has an attachment
MAX_ATTACHED = 600_000  # bytes
HEAD = """\
From x@example.org Mon Jan  1 00:00:00 2018
From: {sender}
To: {to}
Subject: {re}Matter {matter}
Message-ID: <{number}@example.org>
{answers}Date: {day} Jan 2018 {hour:02}:{minute:02}:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="parts"

--parts
Content-Type: text/plain; charset=utf-8

"""
FILE = """
--parts
Content-Type: application/pdf; name="plan.pdf"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

"""


def mails(size: int) -> Iterator[bytes]:
    """Mails of one mailbox, up to a total size in bytes."""
    chance = random.Random(1)
    letters = (Path(__file__).parents[1] / "examples" / "letters" / "examples.jsonl").read_text(encoding="utf-8")
    words = [word for word in letters.split() if word.isalpha()]
    said, number = "", 0
    while size > 0:
        number += 1
        other = f"Person {number // 2 % CORRESPONDENTS} <person{number // 2 % CORRESPONDENTS}@example.org>"
        owner, reply = "Anna Muster <anna@firm.example>", number % 2 == 1 and number > 1
        head = HEAD.format(
            sender=owner if number % 2 else other,
            to=other if number % 2 else owner,
            re="Re: " if reply else "",
            matter=number // 2,
            number=number,
            answers=f"In-Reply-To: <{number - 1}@example.org>\n" if reply else "",
            day=1 + number // 1440 % 28,
            hour=number // 60 % 24,
            minute=number % 60,
        )
        quoted = f"\n\nOn Monday, {other} wrote:\n" + "\n".join("> " + line for line in said.splitlines())
        said = "\n".join(" ".join(chance.choices(words, k=12)) + "." for _ in range(chance.randint(3, 12)))
        body = head + said + "\n\nBest wishes\nAnna\n-- \nAnna Muster\nTel. 020 7946 0999\n" + (quoted if reply else "")
        if number % ATTACHED == 0:
            content = chance.randbytes(chance.randint(1_000, MAX_ATTACHED))
            body += FILE + base64.encodebytes(content).decode()
        mail = (body + "\n--parts--\n\n").encode()
        size -= len(mail)
        yield mail


def main() -> None:
    """Write the mailbox, prepare it, save the figures."""
    parser = documented(__doc__)
    parser.add_argument("gigabytes", nargs="?", type=float, default=5.0)
    size = int(parser.parse_args().gigabytes * 1e9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.mbox"
        with path.open("wb") as file:
            count = sum(file.write(mail) > 0 for mail in mails(size))
        about = {"bytes": path.stat().st_size, "mails": count}
        print(about)
        program = PREPARE.replace('"skill"', '"style"')
        row = measured("gradschool prepare", program, str(path), str(Path(folder) / "job"))
    write_json(RESULTS, {"environment": asdict(environment()), **about, "gradschool prepare": row})


if __name__ == "__main__":
    main()
