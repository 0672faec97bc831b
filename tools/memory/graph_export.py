"""A scene graph and its texts for other programs and for people.

``dsg_json`` writes the node-and-edge JSON of Spark-DSG 1.1.3 (Hughes et al., 2024); its library opens the file.
What that format has no field for (who named a thing, when it was seen, relations, texts) is in its ``metadata``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import ImageColor

from scenes.types import Box3D, Relation, Room, SceneGraph, SceneObject
from tools.mapping.surface_mesh import SurfaceMesh
from tools.memory.texts import StoredText

EXPORT_VERSION = 2
DSG_VERSION = {"major": 1, "minor": 1, "patch": 3}
LAYERS = {"OBJECTS": 2, "AGENTS": 2, "PLACES": 3, "ROOMS": 4, "BUILDINGS": 5}
"""Spark-DSG's own layer numbers."""
NO_LABEL = 0xFFFFFFFF
NS_PER_S = 1_000_000_000


def node_symbol(category: str, number: int) -> int:
    """Spark-DSG's 64-bit node id: a letter in the top byte, a number below."""
    return (ord(category) << 56) | number


def dsg_json(graph: SceneGraph, texts: Sequence[StoredText] = ()) -> dict[str, Any]:
    """The graph as Spark-DSG JSON; our ids are in each node's ``metadata``."""
    rooms = {r.id: node_symbol("R", k) for k, r in enumerate(graph.rooms.values())}
    objects = {o.id: node_symbol("O", k) for k, o in enumerate(graph.objects.values())}
    nodes = [_room_node(rooms[r.id], r) for r in graph.rooms.values()]
    nodes += [_object_node(objects[o.id], o) for o in graph.objects.values()]
    between: dict[tuple[int, int], list[Relation]] = {}
    for r in graph.relations:
        if r.subject in objects and r.object in objects:
            a, b = objects[r.subject], objects[r.object]
            between.setdefault((min(a, b), max(a, b)), []).append(r)  # an undirected graph has one edge for a pair
    edges = [_edge(a, b, {"relations": [_relation(r) for r in found]}) for (a, b), found in between.items()]
    edges += [
        _edge(rooms[o.room], objects[o.id], {"relations": [{"predicate": "contains"}]})
        for o in graph.objects.values()
        if o.room in rooms
    ]
    return {
        "SPARK_DSG_header": {"project_name": "main", "version": DSG_VERSION},
        "directed": False,
        "multigraph": False,
        "layer_keys": [{"layer": n, "partition": 0} for n in sorted({*LAYERS.values()})],
        "layer_names": {name: {"layer": n, "partition": 0} for name, n in LAYERS.items()},
        "metadata": {
            "export_version": EXPORT_VERSION,
            "map_id": graph.map_id,
            "time_s": graph.time_s,
            "up_axis": "y",
            "texts": [text_record(t) for t in texts],
        },
        "nodes": nodes,
        "edges": edges,
    }


def ply_bytes(mesh: SurfaceMesh) -> bytes:
    """A mesh with colours as a binary PLY file."""
    vertices = np.empty(len(mesh.vertices), [("p", "<f4", 3), ("c", "u1", 3)])
    vertices["p"], vertices["c"] = mesh.vertices.numpy(), mesh.rgb.numpy()
    faces = np.empty(len(mesh.triangles), [("n", "u1"), ("v", "<i4", 3)])
    faces["n"], faces["v"] = 3, mesh.triangles.numpy()
    header = ["ply", "format binary_little_endian 1.0", "comment metres, y up", f"element vertex {len(vertices)}"]
    header += [f"property float {a}" for a in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()


def text_record(text: StoredText) -> dict[str, Any]:
    """A text as JSON."""
    return {
        "id": text.id,
        "kind": text.kind,
        "text": text.text,
        "time_s": text.time_s,
        "object_id": text.object_id,
        "frame_id": text.frame_id,
        "extra": text.extra,
    }


def readable(graph: SceneGraph, texts: Sequence[StoredText] = ()) -> str:
    """Everything that is remembered, for a person to read."""
    lines = [f"Map {graph.map_id} at {graph.time_s:.1f} s: {len(graph.objects)} things, {len(graph.rooms)} rooms."]
    about: dict[str, list[StoredText]] = {}
    for text in texts:
        about.setdefault(text.object_id, []).append(text)
    by_room: dict[str, list[SceneObject]] = {}
    for o in graph.objects.values():
        by_room.setdefault(o.room, []).append(o)
    names = {o.id: o.label or f"unnamed thing {o.id}" for o in graph.objects.values()}
    held = _relations_by_subject(graph)
    for room, things in sorted(by_room.items()):
        place = graph.rooms.get(room)
        lines += ["", f"{(place.label or place.id) if place else 'Room unknown'}:"]
        for o in sorted(things, key=lambda o: (not o.label, names[o.id], o.id)):
            lines.append(f"- {_sentence(o, names, held.get(o.id, []))}")
            lines += [f"    {t.kind} n{t.id} ({t.time_s:.1f} s): {t.text}" for t in about.get(o.id, [])]
    loose = [t for t in texts if t.object_id not in graph.objects]
    if loose:
        lines += ["", "Said and noted:"]
        lines += [f"- {t.kind} n{t.id} ({t.time_s:.1f} s): " + t.text.replace("\n", " -> ") for t in loose]
    return "\n".join(lines) + "\n"


def _sentence(o: SceneObject, names: Mapping[str, str], relations: Sequence[Relation]) -> str:
    x, y, z = o.box.center
    size = " x ".join(f"{s:.2f}" for s in o.box.size)
    who = {"user": "named by the wearer", "vlm": "named by the model", "detector": "named by a detector"}
    parts = [
        f"{names[o.id]} ({o.id})",
        o.color,
        f"{size} m at ({x:.2f}, {y:.2f}, {z:.2f})",
        who.get(o.label_source, ""),
    ]
    parts += [f"{r.predicate} {names.get(r.object, r.object)}" for r in relations]
    parts.append(f"seen {o.first_seen_s:.1f} to {o.last_seen_s:.1f} s" + ("" if o.present else ", has left since"))
    return ", ".join(p for p in parts if p)


def _relations_by_subject(graph: SceneGraph) -> dict[str, list[Relation]]:
    out: dict[str, list[Relation]] = {}
    for r in graph.relations:
        out.setdefault(r.subject, []).append(r)
    return out


def _object_node(symbol: int, o: SceneObject) -> dict[str, Any]:
    x, y, z, w = o.box.quaternion_xyzw
    rotation = {"w": w, "x": x, "y": y, "z": z}
    last_seen_ns = int(o.last_seen_s * NS_PER_S)
    attributes = _semantic_attributes("ObjectNodeAttributes", o.label, o.box.center, last_seen_ns, o.color)
    attributes |= {
        "bounding_box": _bounding_box("OBB", o.box),
        "mesh_connections": [],
        "registered": False,
        "world_R_object": rotation,
    }
    attributes["metadata"] = {
        "id": o.id,
        "color": o.color,
        "confidence": o.confidence,
        "label_source": o.label_source,
        "label_confidence": o.label_confidence,
        "aliases": list(o.aliases),
        "first_seen_s": o.first_seen_s,
        "last_seen_s": o.last_seen_s,
        "evidence_frames": list(o.evidence_frames),
        "present": o.present,
        "room": o.room,
    }
    return {"id": symbol, "layer": LAYERS["OBJECTS"], "partition": 0, "attributes": attributes}


def _room_node(symbol: int, room: Room) -> dict[str, Any]:
    corners = np.array(room.floor_polygon, np.float64).reshape(-1, 2)
    low, high = (corners.min(0), corners.max(0)) if len(corners) else (np.zeros(2), np.zeros(2))
    size = (float(high[0] - low[0]), room.height_m, float(high[1] - low[1]))
    center = (float(low[0] + high[0]) / 2, room.floor_y + room.height_m / 2, float(low[1] + high[1]) / 2)
    attributes = _semantic_attributes("RoomNodeAttributes", room.label, center, 0, "")
    attributes |= {
        "bounding_box": _bounding_box("AABB", Box3D(center=center, size=size)),
        "semantic_class_probabilities": {},
        "metadata": {"id": room.id, "floor_polygon": [list(c) for c in room.floor_polygon]},
    }
    return {"id": symbol, "layer": LAYERS["ROOMS"], "partition": 0, "attributes": attributes}


def _semantic_attributes(kind: str, name: str, position: Sequence[float], time_ns: int, color: str) -> dict[str, Any]:
    """The fields that Spark-DSG's semantic nodes share."""
    r, g, b = ImageColor.getrgb(color if color in ImageColor.colormap else "gray")[:3]
    return {
        "type": kind,
        "name": name,
        "position": list(position),
        "color": {"r": r, "g": g, "b": b, "a": 255},
        "is_active": False,
        "is_predicted": False,
        "last_update_time_ns": max(time_ns, 0),
        "semantic_feature": {"rows": 0, "cols": 0, "data": None},
        "semantic_label": NO_LABEL,
        "metadata": {},
    }


def _bounding_box(kind: str, box: Box3D) -> dict[str, Any]:
    x, y, z, w = box.quaternion_xyzw
    return {
        "type": kind,
        "dimensions": list(box.size),
        "world_P_center": list(box.center),
        "world_R_center": {"w": w, "x": x, "y": y, "z": z},
    }


def _relation(r: Relation) -> dict[str, Any]:
    return {
        "subject": r.subject,
        "predicate": r.predicate,
        "object": r.object,
        "confidence": r.confidence,
        "time_s": r.time_s,
    }


def _edge(source: int, target: int, metadata: dict[str, Any]) -> dict[str, Any]:
    info = {"type": "EdgeAttributes", "weight": 1.0, "weighted": False, "metadata": metadata}
    return {"source": source, "target": target, "info": info}
