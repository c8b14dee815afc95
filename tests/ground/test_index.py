import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finish import finish
from gradschool.bounded import Limits
from gradschool.data.normalize import words
from gradschool.errors import DamagedError, DataError, ResourceError
from gradschool.ground import tried
from gradschool.ground.index import Index, build_index, index_passages
from gradschool.settings import Ground
from small_documents import passage

SLOW = [HealthCheck.too_slow]  # a busy machine is no failure
HELP = """# Returns

You may send goods back within 14 days.

# Cards

We take every kind of payment. "Visa AND Mastercard" are welcome, order:number is asked for.

# Café Zürich

A naïve résumé costs 5 €. Error E-1042 means that the oven runs hot.

# Μύλος

Ο μύλος ανοίγει σήμερα.

# Ёлка

Ёлка стоит во дворе.

# Feu

L’échelle d'été et l'horaire changent.

# İzmir

İzmir'de hava açık.

# 配送

東京への配送は三日かかります。
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("ground")
    (folder / "documents").mkdir()
    (folder / "documents" / "help.md").write_text(HELP, encoding="utf-8")
    (folder / "documents" / "other.txt").write_text("The king has seven sons.\n", encoding="utf-8")
    built, events = finish(build_index(folder / "documents", folder / "index", Ground()))
    assert "9 passages from 2 documents" in events[-1].text
    return built


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("When may I return goods?", "Returns"),  # the word stands in the heading alone, in another form
        ("paying by card", "Cards"),
        ("cafe zurich resume", "Café Zürich"),
        ("e-1042", "Café Zürich"),
        ("東京", "配送"),
        ("ΜΥΛΟΣ ΣΗΜΕΡΑ", "Μύλος"),
        ("елка", "Ёлка"),
        ("echelle", "Feu"),
        ("horaire", "Feu"),
        ("IZMIR", "İzmir"),
        ("king's son", ""),
    ],
)
def test_the_right_passage_comes_first(index: Index, query: str, heading: str) -> None:
    assert index.search(query, 3)[0].heading == heading


def test_passages_come_back_with_their_exact_place(index: Index) -> None:
    (found,) = index.search("seven sons", 5)
    assert (found.text, found.file, found.start, found.end) == ("The king has seven sons.", "other.txt", 0, 24)
    found = index.search("14 days", 1)[0]
    assert HELP[found.start : found.end] == found.text
    assert str(found) == "help.md:1-3"


def test_scores_fall_and_k_is_kept(index: Index) -> None:
    query = "king goods card oven"
    scores = [score for _, score in index.scored(query, 10)]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True) and scores[-1] > 0
    assert index.search(query, 2) == index.search(query, 10)[:2]
    assert index.search(query, 0) == [] == index.search(query, -1)


@pytest.mark.parametrize("query", ["", "   ", "?!", '"', "😀", "\0", "zzzz", "\ud83d", "it is the zzzz"])
def test_a_query_without_known_words_finds_nothing(index: Index, query: str) -> None:
    assert index.search(query, 3) == []


@pytest.mark.parametrize(
    "query",
    ['"king', "king\0", "king AND xyzzy", "NOT king", "-king", "+xyzzy king", "(king", "king*", "king~9", "words:king",
     "words: king^0", '{"match": {"query": "king"}}', "king'; DROP TABLE passages; --", "king \ud83d", "king 😀"],
)  # fmt: skip
def test_no_sign_in_a_query_means_anything(index: Index, query: str) -> None:
    assert [p.file for p in index.search(query, 1)] == ["other.txt"]


def test_very_long_queries(index: Index) -> None:
    assert index.search("king " * 2_000, 1)[0].file == "other.txt"
    assert index.search("x" * 10_000, 1) == []
    assert index.search("king " + " ".join(map(str, range(10**6, 10**6 + 10**5))), 1)[0].file == "other.txt"


@given(st.text(max_size=60), st.integers(1, 4))
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_any_text_is_a_query(index: Index, query: str, k: int) -> None:
    found = index.scored(query, k)
    assert len(found) <= k and all(score > 0 for _, score in found)
    assert len({p.id for p, _ in found}) == len(found)


def test_an_index_opens_where_it_was_moved(index: Index, tmp_path: Path) -> None:
    shutil.copytree(index.folder, tmp_path / "moved")
    moved = Index.open(tmp_path / "moved")
    assert moved.size == index.size == 9
    assert moved.passages == index.passages
    assert moved.scored("goods by card", 3) == index.scored("goods by card", 3)
    assert set(moved.manifest.documents) == {"help.md", "other.txt"}


def test_threads_may_search_one_index(index: Index) -> None:
    alone = index.scored("goods king", 3)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: index.scored("goods king", 3), range(12))) == [alone] * 12


def test_equal_scores_come_in_the_order_of_the_documents(tmp_path: Path) -> None:
    same = [passage(f"The very same words, in page {number}.", number) for number in range(1, 8)]
    built, _ = finish(index_passages(same, tmp_path / "index", Ground()))
    assert [p.id for p in built.search("same words", 7)] == [p.id for p in same]


@pytest.mark.parametrize("query", ["the", "The?", "WHAT is it", "Who, the", "is there a"])
def test_a_question_of_stop_words_alone_finds_what_it_can(index: Index, query: str) -> None:
    found = index.search(query, 3)
    assert found and all(set(words(query)) & set(words(p.text)) for p in found)


SAME = [
    ("Rückgabe", "Ru\u0308ckgabe in 30 Tagen"),
    ("Ru\u0308ckgabe", "Die Rückgabe ist frei"),
    ("RÜCKGABE", "Rück\u00adgabe im Laden"),
    ("Rückgabe", "Bitte melden Sie jede Rück-\ngabe vorher an"),
    ("Rückgabe", "Bitte melden Sie jede Rück\u00ad\n  gabe vorher an"),
    ("well known", "a well-\nknown fact"),
    ("Strasse", "Die Straße ist zu"),
    ("データ", "ﾃﾞｰﾀは三年保存"),
    ("ﾃﾞｰﾀ", "データは三年保存"),
    ("ABC12", "Code ＡＢＣ１２ gilt"),
    ("office", "our oﬃce is open"),
    ("русский", "ру́сский язык"),
    ("営業時間", "店の営業時\n間は九時から"),
    ("한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165 수업"),
    ("tiếng Việt", "tie\u0302\u0301ng Vie\u0323\u0302t"),
    ("كتاب", "كِتَاب جديد"),
]


@pytest.mark.parametrize(("query", "text"), SAME)
def test_one_text_is_found_in_each_of_its_forms(query: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.md").write_text(text, encoding="utf-8")
    (tmp_path / "documents" / "b.md").write_text("Etwas anderes, something else", encoding="utf-8")
    built, _ = finish(build_index(tmp_path / "documents", tmp_path / "index", Ground()))
    assert [p.file for p in built.search(query, 3)] == ["a.md"]


HALL = "The hall is open from nine to six on weekdays, and on Sundays it opens at eleven."


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("カード", "クレジットカードは使えません"),  # a dictionary takes it for one word
        ("反品率", "この反品率は低い"),
        ("반품하고 싶어요", "고객은 반품할 수 있습니다"),
        ("京", "北京的订单两天内送达"),
        ("คืนเงิน", "ขอคืนเงินได้ทางเว็บ"),
        ("cloud服务", "我们的云服务和cloud服务一样"),
    ],
)
def test_text_without_spaces_between_words_is_found(query: str, text: str, tmp_path: Path) -> None:
    built, _ = finish(index_passages([passage("今日は晴れ。 오늘"), passage(text, 2)], tmp_path / "index", Ground()))
    assert [p.id for p in built.search(query, 1)] == ["a.md#2"]


def test_rows_of_a_table_are_found_by_the_names_of_its_columns(tmp_path: Path) -> None:
    row = replace(passage("| lamp | 12 |", 2), table_head="| Article | Warranty in months |")
    built, _ = finish(index_passages([passage("| Article | Price |\n| lamp | 9 |"), row], tmp_path / "index", Ground()))
    assert built.search("warranty of the lamp", 1) == [row]


def test_copies_do_not_crowd_a_result(tmp_path: Path) -> None:
    copies = [HALL, HALL, HALL.upper(), HALL.replace(" ", "\n", 3), HALL.replace(",", ""), f"**{HALL}**"]
    texts = [*copies, "The hall has a garden that opens in May.", "Tickets for the hall are sold when it opens."]
    passages = [passage(text, number) for number, text in enumerate(texts, 1)]
    built, events = finish(index_passages(passages, tmp_path / "index", Ground()))
    assert {p.id for p in built.search("when does the hall open", 3)} == {"a.md#1", "a.md#7", "a.md#8"}
    assert "3 passages are copies" in events[-1].text
    found = [p.text for p in built.search("when does the hall open", 20)]
    assert len(found) == len(set(found))


def test_versions_with_other_numbers_and_short_facts_under_other_headings_are_no_copies(tmp_path: Path) -> None:
    texts = [
        passage(HALL.replace("nine", "9"), 1),
        passage(HALL.replace("nine", "8"), 2),
        passage("Daily from nine to five.", 3, "Museum"),
        passage("Daily from nine to five.", 4, "Library"),
        passage("Nine garden chairs.", 5),
    ]
    built, _ = finish(index_passages(texts, tmp_path / "index", Ground()))
    assert {p.id for p in built.search("hall open weekdays", 2)} == {"a.md#1", "a.md#2"}
    assert [p.id for p in built.search("library nine five", 2)] == ["a.md#4", "a.md#3"]


def test_an_index_of_an_earlier_version_is_searched_as_it_was_tested(index: Index, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(index.folder, tmp_path / "old"))
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["folded"], manifest["unaccented"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert Index.open(folder).search("the", 3) == []
    assert Index.open(folder).search("seven sons", 1)[0].file == "other.txt"


@pytest.mark.parametrize(
    "query, found",
    [
        ("ruckgabe", "Die Rückgabe der Ware."), ("RÜCKGABE", "Die Rückgabe der Ware."), ("grosse", "Größe zwei."),
        ("Größe", "Größe zwei."), ("creme", "Crème brûlée."), ("who are you", "This is who we are."),
        ("What can you do?", "Lamps do hang high."),
    ],
)  # fmt: skip
def test_accents_and_stop_words_find_what_they_can(tmp_path: Path, query: str, found: str) -> None:
    texts = ["Die Rückgabe der Ware.", "Größe zwei.", "Crème brûlée.", "This is who we are.", "Lamps do hang high."]
    built, _ = finish(index_passages([passage(text) for text in texts], tmp_path / "index", Ground()))
    assert [one.text for one in built.search(query, 1)] == [found]


def test_building_again_replaces_the_index(tmp_path: Path) -> None:
    finish(index_passages([passage("A king.")], tmp_path / "index", Ground()))
    built, _ = finish(index_passages([passage("A queen.")], tmp_path / "index", Ground()))
    assert built.search("king", 1) == []
    assert Index.open(tmp_path / "index").search("queen", 1)[0].text == "A queen."
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


def test_a_failure_leaves_the_old_index(tmp_path: Path) -> None:
    finish(index_passages([passage("A king.")], tmp_path / "index", Ground()))
    work = index_passages([passage("A queen.")], tmp_path / "index", Ground())
    next(work)
    work.close()  # as when the process is interrupted
    assert [p.name for p in tmp_path.iterdir()] == ["index"]
    assert Index.open(tmp_path / "index").search("king", 1)[0].text == "A king."


def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:  # LanceDB's own words, met on a full tmpfs
        raise RuntimeError("lance error: LanceError(IO): No space left on device (os error 28), structural.rs:258:9")

    monkeypatch.setattr("lancedb.db.LanceDBConnection.create_table", full)
    with pytest.raises(ResourceError, match="disk is full"):
        finish(index_passages([passage("A king.")], tmp_path / "index", Ground()))
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no passages"):
        finish(index_passages([], tmp_path / "index", Ground()))
    with pytest.raises(DataError, match="do not exist"):
        finish(build_index(tmp_path / "none", tmp_path / "index", Ground()))
    assert list(tmp_path.iterdir()) == []


def test_damage_is_found_when_opening(index: Index, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(index.folder, tmp_path / name))

    with pytest.raises(DamagedError, match="not a complete index"):
        Index.open(tmp_path / "none")
    changed = copy("changed")
    text = (changed / "passages.jsonl").read_text(encoding="utf-8")
    (changed / "passages.jsonl").write_text(text.replace("14 days", "99 days"), encoding="utf-8")
    with pytest.raises(DamagedError, match="do not match"):
        Index.open(changed)
    shutil.rmtree(copy("half") / "lance")
    with pytest.raises(DamagedError):
        Index.open(tmp_path / "half")
    newer = copy("newer")
    manifest = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(DamagedError):
        Index.open(newer)
    emptied = copy("emptied")
    shutil.rmtree(emptied / "lance" / "passages.lance")
    with pytest.raises(DamagedError, match="LanceDB"):
        Index.open(emptied).search("king", 1)


def test_a_table_is_tried_in_a_child_unless_it_was_built_or_tried_here(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Path(shutil.copytree(index.folder, tmp_path / "copied"))
    with monkeypatch.context() as patched:
        patched.setattr(tried, "replies", lambda *_: pytest.fail("it was built here"))
        assert Index.open(copied).search("king", 1)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    small = Limits(waiting=0.0)  # not of memory: a child that read a table before may need no more of it
    with pytest.raises(DamagedError, match="is not a complete index") as caught:
        tried.try_table(copied, copied / "lance", small)
    assert "Reading its table with LanceDB" in caught.value.why
    tried.try_table(copied, copied / "lance")
    monkeypatch.setattr(tried, "replies", lambda *_: pytest.fail("it was tried here"))
    tried.try_table(copied, copied / "lance", small)
