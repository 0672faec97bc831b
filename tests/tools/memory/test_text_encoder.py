"""Search by meaning with the real weights, where they are installed; and what holds without them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from evals.perception.memory import words_found
from evals.perception.memory_words import ABSENT_QUERIES, SYNONYM_QUERIES
from scenes.types import Box3D, SceneGraph, SceneObject
from tools.memory import text_encoder
from tools.memory.joint_search import search_both
from tools.memory.map_memory import MapMemory
from tools.memory.text_encoder import EncoderError, TextEncoder, installed_encoder, lexical_only
from tools.memory.text_index import CANDIDATES, SignIndex, sign_code
from tools.search.name_matching import parse_query
from tools.search.queries import search
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import run_tool


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    found = installed_encoder()
    if found is None:
        pytest.skip("the extra `search` is not installed")
    return found


def home(*labels: str) -> SceneGraph:
    box = Box3D(center=(0.0, 0.5, -1.0), size=(0.3, 0.3, 0.3))
    things = {f"o{k}": SceneObject(id=f"o{k}", label=name, box=box) for k, name in enumerate(labels)}
    return SceneGraph(map_id="m", time_s=0.0, objects=things)


@pytest.mark.parametrize(("query", "name"), [("couch", "sofa"), ("something to drink from", "mug")])
def test_other_words_find_the_thing(query: str, name: str, encoder: TextEncoder) -> None:
    graph = home("sofa", "mug", "table", "lamp", "bookshelf", "plant")
    found = search(graph, parse_query(query), similarity=encoder.similarity)
    assert [o.label for o in found.matches] == [name]
    assert found.cosines[name] > 0.4


def test_the_tools_find_by_meaning(encoder: TextEncoder, kitchen: SnapshotContext) -> None:
    kitchen.similarity = encoder.similarity
    assert run_tool("where_is", {"object": "couch"}, kitchen).text.startswith("o7 the sofa is")
    assert run_tool("where_is", {"object": "piano"}, kitchen).text == "none: never seen: a piano"


def test_words_that_chose_no_threshold_are_mostly_found_and_absent_things_refused(encoder: TextEncoder) -> None:
    missed, invented = words_found(encoder)
    assert len(missed) <= 0.25 * len(SYNONYM_QUERIES)
    assert len(invented) <= 0.1 * len(ABSENT_QUERIES)


def test_vectors_do_not_depend_on_the_company_of_a_text(encoder: TextEncoder) -> None:
    alone = encoder.encode(["a red mug"])
    together = encoder.encode(["a much longer text about the weather in the mountains", "a red mug", "x"])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_notes_are_found_by_meaning_also_those_written_without_an_encoder(encoder: TextEncoder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        early = memory.add_note("the couch needs a new cover", 1.0)
        memory.add_note("water the plants on friday", 2.0)
        assert memory.search("sofa") == []
    with MapMemory(tmp_path / "m.db", encoder=encoder) as memory:
        late = memory.add_note("our new couch is from 1950", 3.0)
        assert {t.id for t in memory.search("sofa")} == {early, late}
        assert memory.search("volcano eruption") == []
        memory.forget_text(late)
        assert {t.id for t in memory.search("sofa")} == {early}
        assert [t.id for t in memory.search("sofa", span_s=(0.0, 1.5))] == [early]
        assert memory.search("sofa", kinds=("turn",)) == []
    with MapMemory(tmp_path / "m.db", encoder=encoder, read_only=True) as memory:
        assert {t.id for t in memory.search("sofa")} == {early}


def test_a_changed_weight_file_is_refused(encoder: TextEncoder, tmp_path: Path) -> None:
    for name in text_encoder.SHA256:
        shutil.copy(encoder.folder / name, tmp_path / name)
    config = tmp_path / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(EncoderError, match="sha256") as refused:
        TextEncoder(tmp_path).encode(["x"])
    assert "\n" not in str(refused.value)
    config.unlink()
    with pytest.raises(EncoderError, match="reinstall"):
        TextEncoder(tmp_path).encode(["x"])


def test_without_an_encoder_search_is_lexical_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    text_encoder._warn_lexical.cache_clear()
    graph = home("sofa", "mug")
    with caplog.at_level(logging.WARNING):
        assert [o.label for o in search(graph, parse_query("mug"), similarity=lexical_only).matches] == ["mug"]
        assert caplog.records == []
        for _ in range(2):
            assert search(graph, parse_query("couch"), similarity=lexical_only).matches == ()
    assert len(caplog.records) == 1


def test_the_nearest_codes_hold_the_nearest_vectors() -> None:
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(200, 384))
    vectors = np.repeat(topics, 25, axis=0) + 0.7 * rng.normal(size=(5000, 384))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = SignIndex(6)
    for start in range(0, 5000, 700):  # it grows
        rows = range(start, min(start + 700, 5000))
        index.add(list(rows), vectors[rows], [k % 2 for k in rows], [float(k) for k in rows])
    for query in vectors[::500]:
        exact = set(np.argsort(-(vectors @ query))[:20].tolist())
        near = index.nearest(query, [0, 1]).tolist()
        assert len(near) == CANDIDATES
        assert exact <= set(near)
    near = index.nearest(vectors[0], [1], (0.0, 99.0))
    assert set(near.tolist()) == set(range(1, 100, 2))
    assert len(index.nearest(vectors[0], [7])) == 0
    np.testing.assert_array_equal(sign_code(np.array([[1.0] * 64, [-1.0] * 64]))[:, 0], [2**64 - 1, 0])


def test_both_memories_answer_and_say_where_they_disagree(kitchen: SnapshotContext, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.add_caption("a kitchen with a piano beside the door", 40.0, frame_id=12)
        memory.add_caption("keys on the table", 95.0, frame_id=60)
        memory.add_note("the sofa is new", 50.0)
        piano = search_both(kitchen.graph, memory, "piano")
        assert piano.reason == "never_seen"
        assert piano.texts[0].frame_id == 12
        assert "frame 12" in piano.disagreement
        keys = search_both(kitchen.graph, memory, "keys")  # the objects say: gone since 88 s; a later caption saw them
        assert keys.reason == "moved"
        assert "since 88.0 s" in keys.disagreement
        sofa = search_both(kitchen.graph, memory, "sofa")
        assert (sofa.reason, sofa.disagreement) == (None, "")
        assert sofa.texts[0].kind == "note"
