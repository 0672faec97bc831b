"""What leaves a map: JSON that Spark-DSG opens, text that a person reads, a mesh that others draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tools.mapping.surface_mesh import SurfaceMesh
from tools.memory.graph_export import dsg_json, node_symbol, ply_bytes, readable
from tools.memory.texts import StoredText
from tools.toolbox.snapshot import SnapshotContext

NOTE = StoredText(id=4, kind="note", text="needs washing", time_s=60.0, object_id="o2")


def test_an_export_has_every_thing_room_and_relation(kitchen: SnapshotContext) -> None:
    graph = kitchen.graph
    out = json.loads(json.dumps(dsg_json(graph, [NOTE]), allow_nan=False))
    nodes = {n["attributes"]["metadata"]["id"]: n for n in out["nodes"]}
    assert set(nodes) == set(graph.objects) | set(graph.rooms)
    assert nodes["o2"]["attributes"]["bounding_box"]["world_P_center"] == list(graph.objects["o2"].box.center)
    assert nodes["o5"]["attributes"]["metadata"]["present"] is False
    said = [r for e in out["edges"] for r in e["info"]["metadata"]["relations"]]
    assert {(r["subject"], r["predicate"], r["object"]) for r in said if "subject" in r} == {
        (r.subject, r.predicate, r.object) for r in graph.relations
    }
    assert sum(r["predicate"] == "contains" for r in said) == len(graph.objects)
    known = {n["id"] for n in out["nodes"]}
    assert all({e["source"], e["target"]} <= known for e in out["edges"])
    assert len({(e["source"], e["target"]) for e in out["edges"]}) == len(out["edges"])
    assert out["metadata"]["texts"][0]["text"] == "needs washing"


def test_a_node_id_is_a_letter_and_a_number_in_64_bits() -> None:
    assert node_symbol("O", 5) == 5692549928996306949  # what Spark-DSG 1.1.3 writes for NodeSymbol("O", 5)


def test_spark_dsg_opens_the_export(kitchen: SnapshotContext, tmp_path: Path) -> None:
    spark_dsg = pytest.importorskip("spark_dsg", reason="spark_dsg is not installed")
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(dsg_json(kitchen.graph, [NOTE])))
    loaded = spark_dsg.DynamicSceneGraph.load(str(path))
    objects = list(loaded.get_layer(spark_dsg.DsgLayers.OBJECTS).nodes)
    assert sorted(n.attributes.name for n in objects) == sorted(o.label for o in kitchen.graph.objects.values())
    (bag,) = [n for n in objects if n.attributes.name == "my bag"]
    assert bag.attributes.position.tolist() == list(kitchen.graph.objects["o4"].box.center)
    assert [n.attributes.name for n in loaded.get_layer(spark_dsg.DsgLayers.ROOMS).nodes] == ["kitchen"]
    assert loaded.num_edges() == len(kitchen.graph.relations) + len(kitchen.graph.objects)


def test_the_readable_export_names_things_places_and_notes(kitchen: SnapshotContext) -> None:
    text = readable(kitchen.graph, [NOTE, StoredText(id=9, kind="turn", text="hello\nHi.", time_s=1.0)])
    assert "kitchen:" in text
    assert "my bag (o4)" in text
    assert "named by the wearer" in text
    assert "on table" in text
    assert "has left since" in text
    assert "note n4 (60.0 s): needs washing" in text
    assert "hello -> Hi." in text


def test_a_mesh_is_a_ply_file_of_the_promised_size() -> None:
    mesh = SurfaceMesh(
        vertices=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]),
        triangles=torch.tensor([[0, 1, 2]]),
        rgb=torch.zeros(3, 3, dtype=torch.uint8),
    )
    header, _, body = ply_bytes(mesh).partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert len(body) == 3 * 15 + 13
