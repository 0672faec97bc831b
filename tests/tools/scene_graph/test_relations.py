"""Relations of analytic boxes, whose truth is plain."""

from __future__ import annotations

import numpy as np
import pytest

from scenes.types import Box3D
from tools.scene_graph.relations import Body, relations


def body(name: str, center: tuple[float, float, float], size: tuple[float, float, float]) -> Body:
    """A box whose surface is sampled every 3 cm."""
    box = Box3D(center=center, size=size)
    axes = [np.linspace(-s / 2, s / 2, max(2, int(s / 0.03) + 1)) for s in size]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    shell = (np.abs(np.abs(grid) - np.array(size) / 2) < 1e-6).any(-1)
    return Body(id=name, box=box, points=(grid[shell] + np.array(center)).astype(np.float32))


def table_with_legs() -> Body:
    """A top at 0.7-0.74 m and four legs."""
    top = body("table", (0.0, 0.72, 0.0), (1.4, 0.04, 0.8))
    legs = [body("leg", (x, 0.35, z), (0.05, 0.7, 0.05)).points for x in (-0.65, 0.65) for z in (-0.35, 0.35)]
    points = np.concatenate([top.points, *legs])
    return Body(id="table", box=Box3D(center=(0.0, 0.37, 0.0), size=(1.4, 0.74, 0.8)), points=points)


def named(bodies: list[Body]) -> set[tuple[str, str, str]]:
    return {(r.subject, r.predicate, r.object) for r in relations(bodies, 0.0)}


def test_a_mug_on_a_table_is_on_it_and_not_in_it() -> None:
    found = named([table_with_legs(), body("mug", (0.2, 0.79, 0.1), (0.08, 0.1, 0.08))])
    assert ("mug", "on", "table") in found
    assert not any(p == "in" for _, p, _ in found)


def test_a_box_below_a_table_is_under_it() -> None:
    assert ("box", "under", "table") in named([table_with_legs(), body("box", (0.0, 0.15, 0.0), (0.4, 0.3, 0.3))])


def test_a_ball_in_a_crate_is_in_it() -> None:
    walls = [
        body("crate", (x, 0.15, z), s).points
        for x, z, s in (
            (0.25, 0.0, (0.02, 0.3, 0.5)),
            (-0.25, 0.0, (0.02, 0.3, 0.5)),
            (0.0, 0.25, (0.5, 0.3, 0.02)),
            (0.0, -0.25, (0.5, 0.3, 0.02)),
            (0.0, 0.01, (0.5, 0.02, 0.5)),
        )
    ]
    crate = Body(id="crate", box=Box3D(center=(0.0, 0.15, 0.0), size=(0.52, 0.3, 0.52)), points=np.concatenate(walls))
    assert ("ball", "in", "crate") in named([crate, body("ball", (0.05, 0.12, 0.0), (0.2, 0.2, 0.2))])


def test_a_picture_over_a_sofa_is_above_it_and_the_sofa_below() -> None:
    sofa = body("sofa", (0.0, 0.4, 0.0), (1.8, 0.8, 0.8))
    picture = body("picture", (0.0, 1.5, -0.3), (0.6, 0.5, 0.03))
    found = named([sofa, picture])
    assert ("picture", "above", "sofa") in found
    assert ("sofa", "below", "picture") in found
    assert not any(p in ("on", "in", "under") for _, p, _ in found)


def test_neighbours_are_next_to_each_other_both_ways_and_distant_things_are_not() -> None:
    a, b = body("a", (0.0, 0.3, 0.0), (0.5, 0.6, 0.5)), body("b", (0.65, 0.3, 0.0), (0.5, 0.6, 0.5))
    far = body("c", (3.0, 0.3, 0.0), (0.5, 0.6, 0.5))
    assert named([a, b, far]) == {("a", "next to", "b"), ("b", "next to", "a")}


def test_things_in_different_places_have_no_relation() -> None:
    assert named([body("a", (0.0, 0.3, 0.0), (0.5, 0.6, 0.5)), body("b", (0.0, 0.3, 4.0), (0.5, 0.6, 0.5))]) == set()


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_things_have_no_relation(count: int) -> None:
    assert relations([body("a", (0.0, 0.3, 0.0), (0.5, 0.6, 0.5))][:count], 0.0) == ()


def test_a_stack_rests_on_the_thing_directly_below() -> None:
    found = named(
        [
            body("low", (0.0, 0.2, 0.0), (0.6, 0.4, 0.6)),
            body("middle", (0.0, 0.5, 0.0), (0.5, 0.2, 0.5)),
            body("high", (0.0, 0.65, 0.0), (0.3, 0.1, 0.3)),
        ]
    )
    assert {f for f in found if f[1] == "on"} == {("middle", "on", "low"), ("high", "on", "middle")}


def test_a_bag_on_a_seat_is_on_the_sofa_although_the_back_is_higher() -> None:
    seat, back = body("sofa", (0.0, 0.2, 0.1), (1.8, 0.4, 0.7)), body("sofa", (0.0, 0.4, -0.35), (1.8, 0.8, 0.2))
    points = np.concatenate([seat.points, back.points])
    sofa = Body(id="sofa", box=Box3D(center=(0.0, 0.4, 0.0), size=(1.8, 0.8, 0.9)), points=points)
    assert ("bag", "on", "sofa") in named([sofa, body("bag", (0.3, 0.55, 0.1), (0.35, 0.3, 0.25))])
