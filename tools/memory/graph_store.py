"""A scene graph builder's whole state to and from a memory file, without pickles.

Saving writes what changed: parts by the checksum of their voxels, things always (they are small). Restored things
continue: the same surface seen again after a restart gets the same ids.
"""

from __future__ import annotations

import io
import json
import sqlite3
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D, Change
from tools.geometry.voxels import VoxelTable
from tools.memory.memory_file import CorruptError
from tools.scene_graph.builder import SceneGraphBuilder
from tools.scene_graph.map_objects import MapObject, PositionRecord
from tools.scene_graph.object_names import LabelVotes
from tools.scene_graph.object_table import ObjectTable
from tools.scene_graph.object_views import ObjectView, ObjectViews
from tools.scene_graph.part_map import Part
from tools.segmentation.structure import Structure, Wall

GRAPH_TABLES = ("objects", "intervals", "positions", "views", "parts", "borders", "grids", "events")
JPEG_QUALITY = 88
VOXEL_ROW = np.dtype(
    [
        ("keys", "<i8"),
        ("votes", "<i2"),
        ("hits", "<i4"),
        ("misses", "<i2"),
        ("seen_s", "<f8"),
        ("point", "<f4", (3,)),
        ("lab", "<f4", (3,)),
    ]
)
"""On-disk layout of a voxel; its owner is the part that the blob belongs to."""
FIELD_OF_KEY: dict[str, str] = {
    "missed": "missed_frames",
    "labels": "namer_labels",
    "detected": "detector_labels",
    "said_color": "namer_color",
    "negative_looks": "negative_checks",
}
"""Keys of an object's state in the file whose fields have another name; all others have the same."""


def save(db: sqlite3.Connection, builder: SceneGraphBuilder) -> None:
    """Write a builder inside an open transaction."""
    table = builder.table
    _save_meta(db, builder)
    _save_parts(db, table)
    db.execute("DELETE FROM borders")
    db.executemany(
        "INSERT INTO borders VALUES (?, ?, ?)",
        [(a, b, sums.astype("<f8").tobytes()) for (a, b), sums in table.parts.border.items()],
    )
    known = {row[0] for row in db.execute("SELECT id FROM objects")}
    for object_id in known - table.objects.keys():
        delete_object(db, object_id)
    # A name may have passed from one thing to another: free all before any is set.
    db.execute("UPDATE objects SET taught = ''")
    for thing in table.objects.values():
        save_object(db, thing)
    db.execute("DELETE FROM events")
    db.executemany(
        "INSERT INTO events (time_s, since_s, kind, object_id, from_box, to_box) VALUES (?, ?, ?, ?, ?, ?)",
        [(e.time_s, e.since_s, e.kind, e.object_id, _box(e.from_box), _box(e.to_box)) for e in table.events],
    )


def _save_meta(db: sqlite3.Connection, builder: SceneGraphBuilder) -> None:
    meta: dict[str, Any] = {
        "map_id": builder.map_id,
        "time_s": builder.time_s,
        "next_object": builder.table.next_object,
        "next_part": builder.table.parts.next_id,
    }
    grid = builder.floor
    meta["floor"] = {"origin": grid.origin.tolist(), "shape": grid.counts.shape, "state": grid.state()}
    db.execute("DELETE FROM grids")
    db.execute("INSERT INTO grids VALUES ('floor', ?)", (zlib.compress(grid.counts.astype("<i4").tobytes(), 1),))
    meta["structure"] = _structure_json(builder.segmenter.structure)
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in meta.items()])


def _save_parts(db: sqlite3.Connection, table: ObjectTable) -> None:
    voxels = table.parts.voxels
    order = np.argsort(voxels.owner, kind="stable")
    owners, starts = np.unique(voxels.owner[order], return_index=True)
    rows = dict(zip(owners.tolist(), np.split(order, starts[1:]) if len(owners) else [], strict=True))
    old = dict(db.execute("SELECT id, checksum FROM parts"))
    db.executemany("DELETE FROM parts WHERE id = ?", [(p,) for p in old.keys() - table.parts.parts.keys()])
    for part in table.parts.parts.values():
        blob = _pack_voxels(voxels, rows.get(part.id, np.zeros(0, np.int64)))
        checksum = zlib.crc32(blob)
        state = (table.object_of_part.get(part.id, ""), part.first_seen_s, part.last_seen_s, part.frames)
        locked = int(part.id in table.parts.locked)
        if old.get(part.id) == checksum:
            db.execute(
                "UPDATE parts SET object_id=?, first_seen_s=?, last_seen_s=?, frames=?, locked=? WHERE id=?",
                (*state, locked, part.id),
            )
        else:
            db.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (part.id, *state, locked, int(part.flat), blob, checksum),
            )


def save_object(db: sqlite3.Connection, thing: MapObject) -> None:
    """Write one thing and what hangs on it."""
    state = {
        "frames": thing.frames,
        "missed": thing.missed_frames,
        "pinned": thing.pinned,
        "notes": thing.notes,
        "labels": thing.namer_labels.weights,
        "label_source": thing.label_source,
        "detected": thing.detector_labels.weights,
        "supported": thing.supported,
        "named_at_score": thing.named_at_score,
        "said_color": thing.namer_color,
        "box": _box(thing.box),
        "room": thing.room,
        "present": thing.present,
        "negative_looks": thing.negative_checks,
        "negative_since_s": thing.negative_since_s,
    }
    _delete_details(db, thing.id)
    db.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            thing.id,
            thing.taught,
            json.dumps(state),
            thing.points.astype("<f4").tobytes(),
            thing.lab.astype("<f4").tobytes(),
            thing.first_seen_s,
            thing.last_seen_s,
        ),
    )
    db.executemany("INSERT INTO intervals VALUES (?, ?, ?)", [(thing.id, a, b) for a, b in thing.intervals])
    db.executemany(
        "INSERT INTO positions VALUES (?, ?, ?)", [(thing.id, p.time_s, _box(p.box)) for p in thing.positions]
    )
    db.executemany(
        "INSERT INTO views VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (thing.id, rank, v.frame_id, v.time_s, json.dumps(v.box_px), v.score, jpeg(v.crop))
            for rank, v in enumerate(thing.views.best)
        ],
    )


def _delete_details(db: sqlite3.Connection, object_id: str) -> None:
    for table in ("intervals", "positions", "views"):
        db.execute(f"DELETE FROM {table} WHERE object_id = ?", (object_id,))


def delete_object(db: sqlite3.Connection, object_id: str) -> bool:
    """Remove every trace of a thing, its texts included; returns whether it was there."""
    _delete_details(db, object_id)
    for part, *_ in db.execute("SELECT id FROM parts WHERE object_id = ?", (object_id,)).fetchall():
        db.execute("DELETE FROM borders WHERE a = ? OR b = ?", (part, part))
    for table in ("parts", "events", "texts"):
        db.execute(f"DELETE FROM {table} WHERE object_id = ?", (object_id,))
    return db.execute("DELETE FROM objects WHERE id = ?", (object_id,)).rowcount > 0


def load(db: sqlite3.Connection, builder: SceneGraphBuilder) -> bool:
    """Fill a fresh builder; returns False when the file holds no graph yet. Raises ``CorruptError``."""
    table = builder.table
    meta = {k: json.loads(v) for k, v in db.execute("SELECT key, value FROM meta")}
    if "map_id" not in meta:
        return False
    builder.map_id, builder.time_s = meta["map_id"], meta["time_s"]
    table.next_object, table.parts.next_id = meta["next_object"], meta["next_part"]
    if "structure" in meta:
        builder.segmenter.structure = _structure_from(meta["structure"])
    data = zlib.decompress(db.execute("SELECT data FROM grids WHERE name = 'floor'").fetchone()[0])
    counts = np.frombuffer(data, "<i4").reshape(meta["floor"]["shape"]).astype(np.int32)
    builder.floor.restore(counts, np.array(meta["floor"]["origin"], np.int64), meta["floor"]["state"])
    columns = "id, taught, state, points, lab, first_seen_s, last_seen_s"
    # In the order in which they were first seen, also when one was forgotten and brought back.
    for row in db.execute(f"SELECT {columns} FROM objects ORDER BY CAST(substr(id, 2) AS INTEGER)"):
        table.objects[row[0]] = _load_object(db, row)
    _load_parts(db, table)
    for a, b, sums in db.execute("SELECT a, b, sums FROM borders"):
        table.parts.border[(a, b)] = np.frombuffer(sums, "<f8").copy()
    query = "SELECT time_s, since_s, kind, object_id, from_box, to_box FROM events ORDER BY id"
    table.events = [
        Change(time_s=t, since_s=s, kind=k, object_id=o, from_box=_unbox(f), to_box=_unbox(n))
        for t, s, k, o, f, n in db.execute(query)
    ]
    return True


def _load_parts(db: sqlite3.Connection, table: ObjectTable) -> None:
    blobs: list[NDArray] = []
    owners: list[NDArray] = []
    columns = "id, object_id, first_seen_s, last_seen_s, frames, locked, flat, voxels, checksum"
    query = f"SELECT {columns} FROM parts ORDER BY id"
    for part_id, object_id, first, last, frames, locked, flat, blob, checksum in db.execute(query):
        if zlib.crc32(blob) != checksum:
            raise CorruptError(f"part {part_id} of the map memory is damaged; restore it from a copy or map again")
        table.parts.parts[part_id] = Part(
            id=part_id, first_seen_s=first, last_seen_s=last, frames=frames, flat=bool(flat)
        )
        if object_id:
            table.object_of_part[part_id] = object_id
            table.objects[object_id].parts.add(part_id)
        if locked:
            table.parts.locked.add(part_id)
        rows = np.frombuffer(blob, VOXEL_ROW)
        blobs.append(rows)
        owners.append(np.full(len(rows), part_id, np.int32))
    if not blobs:
        return
    rows, owner = np.concatenate(blobs), np.concatenate(owners)
    # Sorted; a voxel that a thing and its successor both claim (one was forgotten and brought back) is the older one's.
    _, order = np.unique(rows["keys"], return_index=True)
    voxels = table.parts.voxels
    for name, dtype, _ in VoxelTable.COLUMNS:
        values = owner if name == "owner" else rows[name]
        setattr(voxels, name, np.ascontiguousarray(values[order], dtype))


def _load_object(db: sqlite3.Connection, row: tuple[Any, ...]) -> MapObject:
    object_id, taught, text, points, lab, first, last = row
    state: dict[str, Any] = {_field_of(key): value for key, value in json.loads(text).items()}
    state.setdefault("detector_labels", {})  # files from before the segmenter knew names lack it
    views = db.execute(
        "SELECT frame_id, time_s, box_px, score, jpeg FROM views WHERE object_id = ? ORDER BY rank", (object_id,)
    )
    best = [
        ObjectView(frame_id=f, time_s=t, box_px=tuple(json.loads(b)), score=s, crop=image(j)) for f, t, b, s, j in views
    ]
    places = db.execute("SELECT time_s, box FROM positions WHERE object_id = ? ORDER BY rowid", (object_id,))
    positions = [PositionRecord(time_s=t, box=box) for t, text in places if (box := _unbox(text)) is not None]
    intervals = db.execute("SELECT start_s, end_s FROM intervals WHERE object_id = ? ORDER BY rowid", (object_id,))
    return MapObject(
        id=object_id,
        taught=taught,
        first_seen_s=first,
        last_seen_s=last,
        points=np.frombuffer(points, "<f4").reshape(-1, 3).astype(np.float32),
        lab=np.frombuffer(lab, "<f4").reshape(-1, 3).astype(np.float32),
        views=ObjectViews(best=best),
        positions=positions,
        intervals=[(a, b) for a, b in intervals],
        namer_labels=LabelVotes(weights=state.pop("namer_labels")),
        detector_labels=LabelVotes(weights=state.pop("detector_labels")),
        box=_unbox(state.pop("box")),
        **state,
    )


def _field_of(key: str) -> str:
    return FIELD_OF_KEY.get(key, key)


def _pack_voxels(voxels: VoxelTable, rows: NDArray[np.int64]) -> bytes:
    out = np.zeros(len(rows), VOXEL_ROW)
    for name in VOXEL_ROW.names or ():
        out[name] = getattr(voxels, name)[rows]
    return out.tobytes()


def _structure_json(s: Structure) -> dict[str, Any]:
    walls = [
        {
            "normal": w.normal.tolist(),
            "offset": w.offset,
            "extent": w.extent,
            "top": w.top,
            "frames": w.frames,
            "votes": w.votes,
            "open_behind": w.open_behind,
        }
        for w in s.walls
    ]
    return {"floor_y": s.floor_y, "floor_weight": s.floor_weight, "ceiling_y": s.ceiling_y, "walls": walls}


def _structure_from(state: dict[str, Any]) -> Structure:
    walls = [Wall(**{**w, "normal": np.array(w["normal"]), "extent": tuple(w["extent"])}) for w in state["walls"]]
    return Structure(state["floor_y"], state["floor_weight"], state["ceiling_y"], walls)


def _box(box: Box3D | None) -> str | None:
    return None if box is None else json.dumps([*box.center, *box.size, *box.quaternion_xyzw])


def _unbox(text: str | None) -> Box3D | None:
    if text is None:
        return None
    v = json.loads(text)
    return Box3D(center=tuple(v[:3]), size=tuple(v[3:6]), quaternion_xyzw=tuple(v[6:]))


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) -> JPEG bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def image(data: bytes) -> NDArray[np.uint8]:
    """JPEG bytes -> (h, w, 3)."""
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
