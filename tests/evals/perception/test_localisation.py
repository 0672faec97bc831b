"""The localisation suite on the analytic room: what it counts, and what it refuses."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from evals.bench.scene import RoomScene, orbit, pose
from evals.perception.localisation import LocalisationQuery, add_arguments, ask, ask_peer, build_map, rows_of, run
from evals.perception.localisation_peer import PeerLocaliser
from scenes.errors import InputError
from scenes.types import Camera
from tools.localisation.features import PooledGradients
from tools.localisation.localiser import Localiser

CAMERA = Camera(width=320, height=240, fx=280.0, fy=280.0, cx=160.0, cy=120.0)
SCENE = RoomScene(texture_m=0.09)
QUERY_POSE = pose((0.75, 1.35, 1.0), (0.1, 0.85, -0.5))


def query(metres: float, *, confidence: float = 0.9, reason: str = "", ms: float = 50.0) -> LocalisationQuery:
    return LocalisationQuery(
        frame_id=0, metres=metres, degrees=1.0, confidence=confidence, sigma_m=0.01, reason=reason, ms=ms
    )


def test_a_frame_is_asked_without_its_pose_and_judged_against_the_truth() -> None:
    frames = [SCENE.frame(p, camera=CAMERA, id=i) for i, p in enumerate(orbit(8))]
    surface, index = build_map(frames, PooledGradients(keypoints=600), compile=False)
    localiser = Localiser(surface, index)
    found = ask(localiser, SCENE.frame(QUERY_POSE, camera=CAMERA), QUERY_POSE, with_depth=False)
    assert found.reason == ""
    assert found.metres < 0.05
    far = QUERY_POSE.clone()
    far[0, 3] += 1.0
    wrong = ask(localiser, SCENE.frame(far, camera=CAMERA).with_pose(QUERY_POSE), QUERY_POSE, with_depth=False)
    assert wrong.reason != "" or wrong.metres > 0.9


def test_failures_count_as_infinite_and_wrong_and_sure_is_a_share_of_all_queries() -> None:
    queries = [
        query(0.01),
        query(0.04),
        query(math.inf, confidence=0.0, reason="no_texture"),
        query(0.3),
        query(0.3, confidence=0.4),
    ]
    rows = {row.what.split(": ")[1]: row for row in rows_of(queries, "x", 0.85)}
    assert rows["recall 5 cm 5°"].value == pytest.approx(0.4)
    assert rows["recall 5 cm 5°"].met is False
    assert rows["wrong and sure"].value == pytest.approx(0.2)
    assert rows["median position"].value == pytest.approx(30.0)
    assert rows["a query"].value == pytest.approx(50.0)
    lost = [query(math.inf, confidence=0.0, reason="no_texture")] * 2
    rows = {row.what.split(": ")[1]: row for row in rows_of(lost, "x", None)}
    assert rows["median position"].value is None


def test_data_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(InputError, match="redkitchen"):
        run(parser.parse_args(["--data", str(tmp_path)]))


def test_the_peer_finds_the_pose_too_and_says_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [SCENE.frame(p, camera=CAMERA, id=i) for i, p in enumerate(orbit(8))]
    with monkeypatch.context() as patch:
        patch.setattr("evals.bench.peers.find_spec", lambda name: None)
        with pytest.raises(InputError, match="poselib is not installed; see the extra `peers`"):
            PeerLocaliser(frames)
    for module in ("cv2", "poselib"):
        pytest.importorskip(module, reason=f"{module} is not installed; see the extra `peers`")
    peer = PeerLocaliser(frames)
    found = ask_peer(peer, SCENE.frame(QUERY_POSE, camera=CAMERA), QUERY_POSE)
    assert found.metres < 0.1
    assert found.confidence == 0
    blank = replace(SCENE.frame(QUERY_POSE, camera=CAMERA), rgb=torch.zeros(240, 320, 3, dtype=torch.uint8))
    assert ask_peer(peer, blank, QUERY_POSE).reason == "no_pose"
    whats = [row.what for row in rows_of([found], "peer", None, peer=True)]
    assert "peer: recall 5 cm 5°" in whats
    assert "peer: wrong and sure" not in whats
