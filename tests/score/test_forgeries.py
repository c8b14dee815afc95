"""Forgeries: texts that an author did not write, made of the author's words or of the author's greeting and closing."""

from gradschool.score.forgeries import disordered_texts, texts_of_others

OWN = [
    "Dear Mr Abel,\n\nThe hinge is worn by an eighth of an inch; I have packed it with felt. It will see the winter "
    "out.\n\nYours, in haste,\nWilla",
    "Dear Una,\n\nThere were eleven swans on the lock this morning; now there are ten, and a very quiet fox. I counted "
    "them twice.\n\nYours, in haste,\nWilla",
]


def test_salads_are_the_authors_words_in_another_order() -> None:
    forged = disordered_texts(OWN)
    assert {one.sources[0] for one in forged} == {0, 1} and len(forged) >= 6
    own = {word for text in OWN for word in text.split()}
    assert all(set(one.text.split()) <= own for one in forged)
    assert all(one.text.split() != OWN[one.sources[0]].split() for one in forged)
    many = [one.text for one in disordered_texts(OWN * 8)]
    assert any("\n\n" in text for text in many) and any("\n" not in text for text in many)


def test_the_runs_of_words_of_fragments_are_from_their_sources() -> None:
    texts = [" ".join(f"w{number}x{place}" for place in range(40)) for number in range(12)]
    several = [one for one in disordered_texts(texts) if len(one.sources) > 1]
    assert len(several) == 12
    for one in several:
        words = one.text.split()
        assert {int(word[1:].split("x")[0]) for word in words} <= set(one.sources)
        assert sum(words[at] + " " + words[at + 1] in texts[one.sources[0]] for at in range(len(words) - 1)) < 36


def test_the_same_texts_give_the_same_forgeries() -> None:
    assert disordered_texts(OWN) == disordered_texts(OWN)
    assert texts_of_others(OWN, ["Somebody else wrote this."], 30) == texts_of_others(
        OWN, ["Somebody else wrote this."], 30
    )


def test_scripts_without_spaces_are_cut_by_characters() -> None:
    own = ["今天天气很好，我们去公园走走。", "昨天下雨了，我在家里看书。"]
    forged = disordered_texts(own)
    assert forged and not any(" " in one.text for one in forged)
    assert any(sorted(one.text) == sorted(own[0]) and one.text != own[0] for one in disordered_texts(own * 4))


def test_short_and_odd_texts_have_forgeries_or_none() -> None:
    assert all(one.text.strip() for one in disordered_texts(["", "one", "…"]))
    assert disordered_texts([]) == []
    assert texts_of_others(["", "one", "…"], [], 20)


def test_strangers_are_of_a_length_and_some_are_framed_as_by_the_author() -> None:
    made = texts_of_others(
        OWN, ["The parcel came on Monday and nobody was at home to sign for it, so it went back."], 60
    )
    framed = [text for text in made if text.startswith("Dear Una,") and text.endswith("Yours, in haste,\nWilla")]
    assert framed and not any("swans" in text for text in framed)
    assert any("parcel came on Monday" in text for text in made if "Willa" in text)
    plain = [text for text in made if "Willa" not in text and "Dear Sir" in text]
    assert plain and all(30 <= len(text.split()) <= 130 for text in plain)


def test_an_author_without_greetings_has_no_frames() -> None:
    text = "Swans again on the lock; eleven of them and one fox who looked as if nothing had ever happened here."
    assert not any(text.endswith("here.") and "Thank you" in text for text in texts_of_others([text], [], 40))
