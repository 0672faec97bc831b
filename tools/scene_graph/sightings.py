"""Which objects a frame shows, told to each of them: when it was seen, and the picture if that is a good one."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.surfaces import SurfaceImage
from tools.scene_graph.object_table import ObjectTable


def record_sightings(
    table: ObjectTable, frame: Frame, surface: SurfaceImage, part_image: NDArray[np.int32], doubtful: Set[str]
) -> None:
    """Record the frame as a sighting, and perhaps as a view, of each object whose parts it shows.

    ``part_image``: (h, w) part of each pixel of the surface, 0 for none. Objects in ``doubtful`` get nothing: when an
    object has left, what stood behind it shows up in its voxels.
    """
    parts = np.unique(part_image)
    owner = table.object_of_part
    ids = sorted({owner[p] for p in parts.tolist() if p in owner} - doubtful)
    number = {object_id: k + 1 for k, object_id in enumerate(ids)}
    lookup = np.zeros(int(parts.max(initial=0)) + 1, np.int32)
    lookup[parts] = [number.get(owner.get(p, ""), 0) for p in parts.tolist()]
    image = lookup[part_image]
    for object_id, k in number.items():
        seen = table.objects[object_id]
        seen.record_sighting(frame.time_s)
        seen.views.consider(frame, surface, image == k)
