"""The frames that a map keeps of every visit: pose, small picture and descriptor, as evidence and for localisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from tools.memory import graph_store
from tools.memory.memory_file import MemoryFile


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredFrame:
    """A frame that is kept for localisation and as evidence."""

    frame_id: int
    """Its number in its recording; ``visit`` and ``frame_id`` together are unique in a map."""
    visit: str = ""
    """Which recording it comes from: the fingerprint of the visit; ``""`` in maps of before schema 2."""
    time_s: float
    world_from_camera: np.ndarray
    """(4, 4) float64."""
    thumbnail: np.ndarray | None
    """(h, w, 3) uint8."""
    descriptor: np.ndarray | None
    """(d,) float32."""


class FrameMemory:
    """The kept frames of one memory file (its table ``keyframes``)."""

    def __init__(self, file: MemoryFile) -> None:
        self._file = file
        self.thumbnails = True
        """Whether pictures are kept; poses and descriptors always are."""

    def add_frame(
        self,
        frame_id: int,
        time_s: float,
        world_from_camera: Tensor,
        thumbnail: Tensor | None = None,
        descriptor: Tensor | None = None,
        *,
        visit: str = "",
    ) -> None:
        """Keep a frame: (4, 4) pose, optional (h, w, 3) uint8 picture and (d,) float descriptor."""
        picture = graph_store.jpeg(thumbnail.numpy()) if thumbnail is not None and self.thumbnails else None
        vector = None if descriptor is None else descriptor.numpy().astype("<f4").tobytes()
        pose = world_from_camera.numpy().astype("<f8").tobytes()
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO keyframes (visit, frame_id, time_s, world_from_camera, jpeg, descriptor) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (visit, frame_id, time_s, pose, picture, vector),
            )

    def visit_start(self, visit: str) -> float | None:
        """Time of the first kept frame of a visit; None where there is none."""
        with self._file.errors():
            row = self._file.connection.execute(
                "SELECT MIN(time_s) FROM keyframes WHERE visit = ?", (visit,)
            ).fetchone()
        return row[0]

    def frames(self) -> list[StoredFrame]:
        """All kept frames in the order of time."""
        with self._file.errors():
            rows = self._file.connection.execute(
                "SELECT visit, frame_id, time_s, world_from_camera, jpeg, descriptor FROM keyframes "
                "ORDER BY time_s, visit, frame_id"
            ).fetchall()
        return [
            StoredFrame(
                frame_id=f,
                visit=visit,
                time_s=t,
                world_from_camera=np.frombuffer(pose, "<f8").reshape(4, 4).copy(),
                thumbnail=None if picture is None else graph_store.image(picture),
                descriptor=None if vector is None else np.frombuffer(vector, "<f4").astype(np.float32),
            )
            for visit, f, t, pose, picture, vector in rows
        ]
