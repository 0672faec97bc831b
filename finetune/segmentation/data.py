"""Frames with targets for the embedded segmentation network, rendered from generated worlds.

Frames are rendered at half the headset's size with half its depth noise: after the reduction that a segmenter works
on, both sizes are as noisy. One ``.npz`` a world, uncompressed, so that training maps it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D, Camera
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import iter_recorded
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import WalkSettings, make_walk
from scenes.worlds.layout.door_leaves import DOOR
from scenes.worlds.things.catalogue import CATEGORIES
from scenes.worlds.world import World, make_world
from tools.geometry.surfaces import SurfaceImage, surface_image
from tools.geometry.upright_boxes import yaw_of
from tools.segmentation.network import VOTE_STRIDE, heading, network_input

CLASSES = ("", *(c.name for c in CATEGORIES), "window", DOOR)
"""Kind of each class number; 0 is the building itself."""
CAMERA = Camera(width=320, height=240, fx=228.5, fy=228.5, cx=160.0, cy=120.0)
"""The head camera at half size."""
WIDTH = 160


def box_targets(surface: SurfaceImage, number: NDArray[np.int32], boxes: dict[int, Box3D]) -> NDArray[np.float16]:
    """(8, h, w) box channels (``network.BOX_CHANNELS``) of a grid of instance numbers; 0 for none."""
    right, ahead = heading(surface.world_from_camera)
    table = np.zeros((max(boxes, default=0) + 1, 8), np.float32)
    turn = float(np.arctan2(ahead[0], ahead[1]))
    for k, box in boxes.items():
        angle = 2.0 * (turn - yaw_of(box))
        table[k] = (*box.center, *np.log(np.maximum(box.size, 0.02)), np.cos(angle), np.sin(angle))
    out = table[number]
    offset = out[..., :3] - surface.points[::VOTE_STRIDE, ::VOTE_STRIDE]
    out[..., 0] = offset[..., 0] * right[0] + offset[..., 2] * right[1]
    out[..., 1] = offset[..., 1]
    out[..., 2] = offset[..., 0] * ahead[0] + offset[..., 2] * ahead[1]
    return np.where((number > 0)[..., None], out, 0.0).transpose(2, 0, 1).astype(np.float16)


def render_world(world: World, fps: float, visit: int) -> dict[str, NDArray]:
    """Arrays of one walk: inputs (N, 11, h, w) and, n = (h/2, w/2): kind (N, n), number (N, n), boxes (N, 8, n)."""
    rng = np.random.default_rng((21, world.seed))
    sensor = SENSOR["headset"]
    if sensor.depth is None:
        raise ValueError("expected a headset with a depth sensor, got one without")
    sensor = replace(sensor, depth=replace(sensor.depth, noise=float(rng.uniform(0.3, 0.7))))
    walk = make_walk(world, visit=visit, settings=WalkSettings(fps=fps))
    kind = {o.number: CLASSES.index(o.category) for o in world.objects.values()}
    boxes = {o.number: o.box for o in world.objects.values()}
    lookup = np.zeros(max(kind, default=0) + 1, np.uint8)
    lookup[list(kind)] = list(kind.values())
    rows: dict[str, list[NDArray]] = {"inputs": [], "kind": [], "number": [], "boxes": []}
    for frame, exact in iter_recorded(Timeline.unchanging(world), walk, sensor, CAMERA):
        surface = surface_image(frame, WIDTH)
        stride = exact.instance_ids.shape[0] // surface.valid.shape[0]
        number = np.maximum(exact.instance_ids[:: stride * VOTE_STRIDE, :: stride * VOTE_STRIDE], 0)
        seen = surface.depth_m[::VOTE_STRIDE, ::VOTE_STRIDE] > 0
        number = np.where(seen, number, 0)
        rows["inputs"].append(network_input(surface, float(rng.normal(0.0, 0.02))).astype(np.float16))
        # 255: nothing was measured, so nothing is asked.
        rows["kind"].append(np.where(seen, lookup[number], 255).astype(np.uint8))
        rows["number"].append(number.astype(np.int16))
        rows["boxes"].append(box_targets(surface, number, boxes))
    return {name: np.stack(values) for name, values in rows.items()}


def render_worlds(seeds: range, out: Path, fps: float = 1.25) -> None:
    """One folder a world, one ``.npy`` per array; worlds that are there already are kept. Every eighth is an office."""
    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        folder = out / str(seed)
        if folder.exists():
            continue
        world = make_world(seed, style="office" if seed % 8 == 7 else None)
        arrays = render_world(world, fps, visit=seed % 3)
        partial = out / f".{seed}"
        partial.mkdir(exist_ok=True)
        for name, values in arrays.items():
            np.save(partial / f"{name}.npy", values)
        partial.rename(folder)
        print(f"world {seed}: {len(arrays['kind'])} frames", flush=True)
