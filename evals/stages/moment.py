"""A moment of a generated visit as the tools see it in a true scene graph: what training and evaluation share.

Ids change from the world's (``w12``) to a map's (``o12``); the ways are those that the wearer has walked.
"""

from __future__ import annotations

from dataclasses import replace

from evals.stages.walked import walked_route
from scenes.questions.visits import Visit
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import SceneGraph
from tools.toolbox.snapshot import SnapshotContext


def map_object_id(world_id: str) -> str:
    """``w12`` of a world is ``o12`` of a map."""
    return "o" + world_id[1:]


def map_graph(graph: SceneGraph) -> SceneGraph:
    """A known graph with the ids of a map."""
    renamed = (replace(o, id=map_object_id(o.id), label_source="vlm") for o in graph.objects.values())
    objects = {o.id: o for o in renamed}
    relations = tuple(
        replace(r, subject=map_object_id(r.subject), object=map_object_id(r.object)) for r in graph.relations
    )
    log = graph.changes
    changes = None if log is None else tuple(replace(c, object_id=map_object_id(c.object_id)) for c in log)
    return replace(graph, objects=objects, relations=relations, changes=changes)


def true_context(visit: Visit, frame: int) -> SnapshotContext:
    """What the frames of a visit up to ``frame`` have shown, as the tools see it; without a gaze."""
    pose = visit.walk.world_from_camera[frame]
    walked = [(x, y, z) for x, y, z in visit.walk.world_from_camera[: frame + 1, :3, 3].tolist()]
    return SnapshotContext(
        graph=map_graph(visit.known(frame)),
        camera=HEAD_CAMERA,
        world_from_camera=pose,
        time_s=visit.time_of(frame),
        routes=lambda goal: walked_route(walked, walked[-1], goal),
    )
