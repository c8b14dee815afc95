import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from finish import finish
from gradschool.errors import DamagedError, ModelError
from gradschool.ground.embed import Embedder
from gradschool.ground.index import COSINE, Index, index_passages
from gradschool.records import Progress
from gradschool.settings import Ground
from small_documents import passage

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "king", "queen", "sons", "goods", "card", "oven", "hot"]


def tiny_bert(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: number for number, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(model: Path) -> None:
    embedder = Embedder(str(model))
    texts = ["the king", "the king has seven sons", "", "oven"] * 10
    vectors = embedder.embed(texts)
    assert vectors.shape == (40, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors[0], embedder.embed(["the king"])[0], atol=1e-5)  # padding is not averaged
    assert embedder.embed([]).shape == (0, 16)


def test_the_vector_is_the_mean_over_tokens(model: Path) -> None:
    embedder = Embedder(str(model))
    net = BertModel.from_pretrained(model).eval()
    ids = torch.tensor([[2, WORDS.index("the"), WORDS.index("king"), 3]])
    with torch.no_grad():
        mean = net(input_ids=ids).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(embedder.embed(["the king"])[0], (mean / mean.norm()).numpy(), atol=1e-5)


def test_pooling_and_prompts_are_those_of_the_model(model: Path, tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "bert")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    first = Embedder(str(folder))
    plain = Embedder(str(model))
    assert not np.allclose(first.embed(["the king"]), plain.embed(["the king"]), atol=1e-3)
    assert first.hash != plain.hash
    prompts = {"prompts": {"query": "queen ", "document": "oven "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    asked = Embedder(str(folder))
    np.testing.assert_allclose(asked.embed(["king"], "query"), first.embed(["queen king"]), atol=1e-5)
    np.testing.assert_allclose(asked.embed(["king"]), first.embed(["oven king"]), atol=1e-5)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    with pytest.raises(ModelError, match="pooling_mode_lasttoken"):
        Embedder(str(folder))


def test_texts_longer_than_the_model_reads_are_cut(model: Path) -> None:
    embedder = Embedder(str(model))
    np.testing.assert_allclose(embedder.embed(["king " * 500]), embedder.embed(["king " * 600]), atol=1e-6)


def test_what_is_no_embedder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Embedder(str(tmp_path))
    with pytest.raises(ModelError, match="cannot be loaded"):
        Embedder("no folder and no name on the Hub")


def test_vectors_join_the_search(model: Path, tmp_path: Path) -> None:
    passages = [passage("The king has seven sons.", 1), passage("The oven runs hot.", 2), passage("Goods by card.", 3)]
    ground = Ground(embedder=str(model))
    built, events = finish(index_passages(passages, tmp_path / "index", ground))
    assert Progress("embedding passages", 3, 3, "passages") in events
    opened = Index.open(tmp_path / "index")
    assert opened.scored("queen", 3) == built.scored("queen", 3)
    assert len(opened.search("queen", 3)) == 3  # no passage holds the word: only vectors can have found them
    (first, best), *_ = opened.scored("The oven runs hot.", 3)
    assert first.id == "a.md#2"
    assert best > COSINE  # the cosine of equal texts is 1, and the words add to it
    assert opened.search("?!", 3) == []


def test_an_embedder_in_a_folder_is_named_without_its_place_and_found_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "config"))
    folder = tiny_bert(here / "models" / "bert")
    built, _ = finish(index_passages([passage("The king.")], here / "index", Ground(embedder=str(folder))))
    assert str(here) not in (here / "index" / "manifest.json").read_text()
    assert Index.open(here / "index").scored("king", 1) == built.scored("king", 1)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "another user"))
    with pytest.raises(ModelError, match="The embedder bert is not in a folder that is known here") as caught:
        Index.open(here / "index").search("king", 1)
    assert str(here / "bert") in caught.value.fix
    (here / "models" / "bert").rename(here / "bert")
    assert Index.open(here / "index").scored("king", 1) == built.scored("king", 1)
    vocabulary = json.loads((here / "bert" / "tokenizer.json").read_text())
    words = vocabulary["model"]["vocab"]
    words["king"], words["oven"] = words["oven"], words["king"]
    (here / "bert" / "tokenizer.json").write_text(json.dumps(vocabulary))
    with pytest.raises(DamagedError, match="differs from the one"):
        Index.open(here / "index").search("king", 1)


def test_another_embedder_than_the_one_it_was_built_with_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "bert")
    finish(index_passages([passage("The king.")], tmp_path / "index", Ground(embedder=str(folder))))
    tiny_bert(folder, seed=1)
    with pytest.raises(DamagedError, match="differs from the one"):
        Index.open(tmp_path / "index").search("king", 1)


def test_scores_are_the_sum_of_words_and_vectors(model: Path, tmp_path: Path) -> None:
    texts = [passage("the quick fox"), passage("a lazy dog", 2), passage("the capital of France", 3)]
    both, _ = finish(index_passages(texts, tmp_path / "both", Ground(embedder=str(model))))
    words, _ = finish(index_passages(texts, tmp_path / "words", Ground()))
    query = "quick capital"
    bm25 = {one.id: score for one, score in words.scored(query, 3)}
    embedder = Embedder(str(model))
    cosines = embedder.embed([one.text for one in texts]) @ embedder.embed([query], "query")[0]
    expected = {one.id: bm25.get(one.id, 0.0) + COSINE * float(cos) for one, cos in zip(texts, cosines, strict=True)}
    assert dict((one.id, score) for one, score in both.scored(query, 3)) == pytest.approx(expected, abs=1e-3)
    manifest = json.loads((tmp_path / "both" / "manifest.json").read_text())
    (tmp_path / "both" / "manifest.json").write_text(json.dumps(manifest | {"summed": False}))
    earlier = Index.open(tmp_path / "both").scored(query, 3)
    assert earlier and all(score < 0.1 for _, score in earlier)  # of ranks
