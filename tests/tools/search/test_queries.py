"""Structured search: the same as a plain loop over all objects, with a reason for each verdict."""

from __future__ import annotations

import math
import random

import pytest

from scenes.types import Box3D, Relation, Room, SceneGraph, SceneObject
from tools.geometry.box_measures import width_depth_height
from tools.search.graph_index import names_of, taught_name
from tools.search.name_matching import EXACT, NameQuery, name_tier, parse_query
from tools.search.queries import STALE_S, GazeRay, Region, abstention, search
from tools.toolbox.snapshot import SnapshotContext

LABELS = ("mug", "coffee mug", "red mug", "table", "coffee table", "table lamp", "sofa", "my bag", "bag", "teapot", "")
COLORS = ("red", "blue", "")


def random_graph(rng: random.Random, count: int = 60) -> SceneGraph:
    objects = {}
    for k in range(count):
        label = rng.choice(LABELS)
        x, y, z = rng.uniform(-5, 5), rng.uniform(0, 2), rng.uniform(-5, 5)
        half = rng.uniform(0, math.pi)
        objects[f"o{k}"] = SceneObject(
            id=f"o{k}",
            label=label,
            box=Box3D(
                center=(x, y, z),
                size=(rng.uniform(0.1, 2), rng.uniform(0.1, 2), rng.uniform(0.1, 2)),
                quaternion_xyzw=(0.0, math.sin(half), 0.0, math.cos(half)),
            ),
            color=rng.choice(COLORS),
            label_source="user" if label.startswith("my ") else "vlm",
            aliases=("bag",) if label.startswith("my ") else (),
            room=rng.choice(("r1", "r2", "")),
            first_seen_s=rng.uniform(0, 10),
            last_seen_s=rng.uniform(10, 20),
            present=rng.random() < 0.8,
        )
    relations = tuple(
        Relation(
            subject=f"o{rng.randrange(count)}",
            predicate=rng.choice(("on", "in", "under", "below", "next to")),
            object=f"o{rng.randrange(count)}",
        )
        for _ in range(count)
    )
    rooms = {k: Room(id=k, label=n, floor_polygon=()) for k, n in (("r1", "kitchen"), ("r2", "living room"))}
    return SceneGraph(map_id="m", time_s=20.0, objects=objects, relations=relations, rooms=rooms)


def tier(obj: SceneObject, query: NameQuery) -> int:
    """How well an object's names fit, by the definition."""
    if not query.words:
        return EXACT
    best = max((name_tier(query.words, n) for n in names_of(obj)), default=0)
    if best < EXACT and query.color:
        best = max(best, *(name_tier((query.color, *query.words), n) for n in (*names_of(obj), "")))
    taught = taught_name(obj)
    mine = query.possessive == taught.startswith("my ")
    return EXACT + 1 if best and taught and mine and name_tier(query.words, taught) == EXACT else best


def stands(graph: SceneGraph, subject: str, predicate: str, reference: str) -> bool:
    wanted = {predicate, "below"} if predicate == "under" else {predicate}
    said = {(r.subject, r.predicate, r.object) for r in graph.relations}
    if predicate == "next to" and (reference, "next to", subject) in said:
        return True
    return any((subject, p, reference) in said for p in wanted)


def slow_search(
    graph: SceneGraph, query: NameQuery, room: str, when: str, wearer: tuple[float, float, float]
) -> tuple[list[str], dict[str, str]]:
    """Ids of the matches in order, and why each other candidate failed: object by object."""
    tiers = {o.id: tier(o, query) for o in graph.objects.values()}
    top = max(tiers.values())
    floor = top if top in (EXACT + 1, 1) else 2
    matches, rejected = [], {}
    for o in graph.objects.values():
        if tiers[o.id] < floor or o.id == query.reference:
            continue
        colored = o.color == query.color or any(query.color in n.split() for n in names_of(o))
        if query.color and not colored:
            rejected[o.id] = f"{o.color or 'unknown colour'}, not {query.color}"
        elif query.reference and not stands(graph, o.id, query.relation, query.reference):
            label = graph.objects[query.reference].label or query.reference
            rejected[o.id] = f"not {query.relation} the {label}"
        elif room and o.room != room:
            rejected[o.id] = f"not in the {graph.rooms[room].label}"
        elif when != "ever" and o.present != (when == "now"):
            rejected[o.id] = "moved away" if when == "now" else "not moved"
        else:
            matches.append(o)
    keys = {
        "nearest": lambda o: math.dist(o.box.center, wearer),
        "farthest": lambda o: -math.dist(o.box.center, wearer),
        "largest": lambda o: -o.box.volume,
        "smallest": lambda o: o.box.volume,
        "tallest": lambda o: -width_depth_height(o.box)[2],
        "highest": lambda o: -o.box.center[1],
        "lowest": lambda o: o.box.center[1],
        "": lambda o: math.dist(o.box.center, wearer),
    }
    matches.sort(key=lambda o: (keys[query.rank](o), o.id))
    return [o.id for o in (matches[:1] if query.rank else matches)], rejected


@pytest.mark.parametrize("seed", range(40))
def test_a_search_is_that_of_a_plain_loop(seed: int) -> None:
    rng = random.Random(seed)
    graph = random_graph(rng)
    core = rng.choice(
        ("mug", "red mug", "table", "coffee table", "my bag", "bag", "tea pot", "piano", "sofas", "things")
    )
    rank = rng.choice(("", "", "nearest ", "farthest ", "largest ", "smallest ", "tallest ", "highest ", "lowest "))
    relation = rng.choice(("", "", " on o3", " under o5", " next to o7", " in o9"))
    room, when = rng.choice(("", "r1", "r2")), rng.choice(("now", "ever", "moved"))
    query, wearer = parse_query(rank + core + relation), (0.3, 1.6, -0.2)
    found = search(graph, query, room=room, when=when, wearer=wearer)
    ids, rejected = slow_search(graph, query, room, when, wearer)
    assert [o.id for o in found.matches] == ids
    assert {r.object.id: r.reason for r in found.rejected} == rejected


def test_time_region_and_gaze_narrow_and_say_why(kitchen: SnapshotContext) -> None:
    graph = kitchen.graph
    near = search(graph, parse_query("things"), region=Region(center=(0.0, 0.8, -2.0), radius_m=0.5))
    assert {o.id for o in near.matches} == {"o1", "o2", "o3"}
    assert {r.reason for r in near.rejected if r.object.id == "o7"} == {"not within 0.5 m of (0, 0.8, -2)"}
    late = search(graph, parse_query("mug"), seen_s=(89.0, 95.0))
    assert late.matches == ()
    assert {r.reason for r in late.rejected} == {"not seen between 89 s and 95 s"}
    ahead = search(graph, parse_query("things"), gaze=GazeRay(origin=(0.0, 1.6, 0.0), direction=(0.0, -0.2, -1.0)))
    assert ahead.matches[0].id == "o6"
    assert "o4" not in {o.id for o in ahead.matches}
    assert "where the wearer looks" in ahead.why(ahead.matches[0])


def test_a_match_says_why_it_matched(kitchen: SnapshotContext) -> None:
    found = search(kitchen.graph, parse_query("red mug on the table"), room="kitchen")
    assert found.why(found.matches[0]) == 'called "mug"; red; on the table; in the kitchen; at its place'
    mine = search(kitchen.graph, parse_query("my bag"))
    assert mine.why(mine.matches[0]) == 'the wearer calls it "my bag"; at its place'
    meant = search(
        kitchen.graph, parse_query("couch"), similarity=lambda q, names: [0.9 * (n == "sofa") for n in names]
    )
    assert meant.why(meant.matches[0]) == 'called "sofa", which is like "couch" (0.90); at its place'


@pytest.mark.parametrize(
    ("text", "time_s", "reason"),
    [
        ("piano", 100.0, "never_seen"),
        ("keys", 100.0, "moved"),
        ("mug", 100.0, "ambiguous"),
        ("sofa", 100.0, None),
        ("sofa", 100.0 + STALE_S, "not_reobserved"),
    ],
)
def test_an_abstention_has_its_reason(kitchen: SnapshotContext, text: str, time_s: float, reason: str | None) -> None:
    assert abstention(search(kitchen.graph, parse_query(text)), time_s) == reason
