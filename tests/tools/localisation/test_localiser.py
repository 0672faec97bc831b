from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from evals.bench.scene import RoomScene, orbit, pose
from scenes.geometry import pose_error
from scenes.types import Camera, Frame
from tools.localisation.features import PooledGradients, RootSift
from tools.localisation.keyframe_index import KeyframeIndex, depth_at_points
from tools.localisation.keyframes import FILE_NAME, StoredKeyframes
from tools.localisation.localiser import Localisation, Localiser, NotLocalised
from tools.localisation.pose_check import SurfaceAgreement, check_depth
from tools.localisation.render_alignment import RenderAlignment
from tools.localisation.retrieval import visual_words, vlad
from tools.mapping.map_file import MapError
from tools.mapping.rendering import RenderedView
from tools.mapping.surface_map import SurfaceMap

CAMERA = Camera(width=320, height=240, fx=280.0, fy=280.0, cx=160.0, cy=120.0)
SCENE = RoomScene(texture_m=0.09)


@pytest.fixture(scope="module")
def mapped():
    surface_map = SurfaceMap(map_id="home", voxel_m=0.04, compile=False)
    index = KeyframeIndex(PooledGradients(keypoints=600), map_id="home")
    for i, world_from_camera in enumerate(orbit(8)):
        frame = SCENE.frame(world_from_camera, camera=CAMERA, id=i)
        surface_map.integrate(frame)
        index.offer(frame)
    index.refine_points()
    return surface_map, index


QUERY = pose((0.75, 1.35, 1.0), (0.1, 0.85, -0.5))


def blind(frame):
    return replace(frame, depth_m=None, depth_camera=None, world_from_camera=None)


def test_an_image_from_a_new_place_is_found(mapped):
    result = Localiser(*mapped).localise(blind(SCENE.frame(QUERY, camera=CAMERA)))
    assert isinstance(result, Localisation)
    distance, angle = pose_error(result.world_from_camera, QUERY)
    assert distance < 0.05
    assert math.degrees(angle) < 1.5
    assert result.confidence > 0.5
    assert result.map_id == "home"
    assert 0 < result.sigma_m < 0.1


def localised(localiser: Localiser, frame: Frame) -> Localisation:
    """The pose of a frame that has one."""
    result = localiser.localise(frame)
    assert isinstance(result, Localisation)
    return result


def refused(localiser: Localiser, frame: Frame) -> NotLocalised:
    """Why a frame has no pose."""
    result = localiser.localise(frame)
    assert isinstance(result, NotLocalised)
    return result


def test_the_same_image_gives_the_same_pose(mapped):
    frame = blind(SCENE.frame(QUERY, camera=CAMERA))
    a, b = (localised(Localiser(*mapped), frame) for _ in range(2))
    assert torch.equal(a.world_from_camera, b.world_from_camera)


def test_an_image_of_another_place_has_no_pose(mapped):
    elsewhere = RoomScene(texture_m=0.07, low=(-3.0, 0.0, -2.2), sphere_center=(5.0, 0.0, 0.0))
    for eye, target in (((1.0, 1.2, 0.8), (0.0, 1.0, -2.0)), ((-1.0, 1.6, 1.0), (-2.0, 0.6, -1.0))):
        result = Localiser(*mapped).localise(elsewhere.frame(pose(eye, target), camera=CAMERA))
        assert isinstance(result, NotLocalised)
        assert result.detail


def test_depth_that_contradicts_the_map_refuses_the_pose(mapped):
    frame = replace(SCENE.frame(QUERY, camera=CAMERA), world_from_camera=None)
    assert isinstance(Localiser(*mapped).localise(frame), Localisation)
    assert frame.depth_m is not None
    result = Localiser(*mapped).localise(replace(frame, depth_m=frame.depth_m * 0.6))
    assert isinstance(result, NotLocalised)
    assert result.reason in ("contradicts_map", "no_consistent_pose")


def test_an_image_without_texture_and_an_empty_map_say_so(mapped):
    frame = SCENE.frame(QUERY, camera=CAMERA)
    assert refused(Localiser(*mapped), replace(frame, rgb=torch.zeros_like(frame.rgb))).reason == "no_texture"
    surface_map = SurfaceMap(map_id="new", compile=False)
    empty = Localiser(surface_map, KeyframeIndex(PooledGradients(), map_id="new"))
    assert refused(empty, frame).reason == "empty_map"
    with pytest.raises(ValueError, match="expected keyframes of map new"):
        Localiser(surface_map, mapped[1])


def test_depth_of_its_own_makes_the_pose_more_exact_along_the_view(mapped):
    frame = replace(SCENE.frame(QUERY, camera=CAMERA), world_from_camera=None)
    with_depth = localised(Localiser(*mapped), frame)
    without = localised(Localiser(*mapped), blind(frame))
    along_the_view = 5
    variance = [float(r.covariance[along_the_view, along_the_view]) for r in (with_depth, without)]
    assert variance[0] < 0.9 * variance[1]
    assert pose_error(with_depth.world_from_camera, QUERY)[0] < 0.02


def test_an_easy_image_is_not_compared_with_the_view_unless_asked_for(mapped, monkeypatch):
    looks = []
    of = RenderAlignment.of
    monkeypatch.setattr(RenderAlignment, "of", lambda *args: looks.append(args) or of(*args))
    frame = blind(SCENE.frame(QUERY, camera=CAMERA))
    quick = Localiser(*mapped).localise(frame)
    assert isinstance(quick, Localisation)
    assert looks == []
    thorough = Localiser(*mapped).localise(frame, thorough=True)
    assert isinstance(thorough, Localisation)
    assert len(looks) == 1
    distance, angle = pose_error(thorough.world_from_camera, quick.world_from_camera)
    assert distance < 0.01
    assert math.degrees(angle) < 0.5


@pytest.mark.parametrize("near_m", [2.0, 3.0])
def test_a_view_agrees_with_depth_that_is_right_and_not_with_another(near_m):
    depth_m = torch.full((54, 72), near_m)
    view = RenderedView(
        depth_m=depth_m,
        valid=torch.ones(54, 72, dtype=torch.bool),
        normal=torch.zeros(54, 72, 3),
        rgb=torch.zeros(54, 72, 3, dtype=torch.uint8),
    )
    base = SurfaceAgreement(points=1.0, depth=None)
    own = torch.full((120, 160), 2.0)
    assert check_depth(base, view, own).depth == float(near_m == 2.0)
    assert check_depth(base, view, torch.zeros(120, 160)) == base
    assert check_depth(base, view, None) == base


def test_pure_blur_and_a_tiny_image_are_reasons_not_poses(mapped):
    frame = blind(SCENE.frame(QUERY, camera=CAMERA))
    soft = frame.rgb.float().permute(2, 0, 1)[None]
    soft = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(soft, 60), (240, 320), mode="bicubic")
    binomial_blur = replace(frame, rgb=soft[0].permute(1, 2, 0).clamp(0, 255).to(torch.uint8).contiguous())
    result = Localiser(*mapped).localise(binomial_blur)
    assert isinstance(result, NotLocalised)
    assert result.reason in ("no_texture", "too_few_matches", "no_consistent_pose")
    tiny = replace(frame, camera=CAMERA.resized(32, 24), rgb=frame.rgb[::10, ::10].contiguous())
    assert refused(Localiser(*mapped), tiny).reason == "bad_image"


def test_keyframes_survive_a_restart(mapped, tmp_path):
    surface_map, index = mapped
    index.save(tmp_path)
    loaded = KeyframeIndex.load(tmp_path, index.extractor)
    assert len(loaded) == len(index)
    for before, after in zip(index.keyframes, loaded.keyframes, strict=True):
        assert torch.equal(before.codes, after.codes)
        assert float((before.points - after.points).norm(dim=-1).max()) < 0.001
        assert float((before.uv - after.uv).abs().max()) < 0.02
        assert float((before.depth_m - after.depth_m).abs().max()) < 0.002
        assert (before.frame_id, before.camera) == (after.frame_id, after.camera)
    frame = blind(SCENE.frame(QUERY, camera=CAMERA))
    a, b = localised(Localiser(surface_map, index), frame), localised(Localiser(surface_map, loaded), frame)
    assert pose_error(a.world_from_camera, b.world_from_camera)[0] < 0.005


def test_a_keyframe_takes_80_bytes_a_feature(mapped, tmp_path):
    _, index = mapped
    index.save(tmp_path)
    features = sum(len(k.uv) for k in index.keyframes)
    retrieval = len(index) * 64 * 128 + 64 * 128 * 4
    assert (tmp_path / FILE_NAME).stat().st_size < 80 * features + retrieval + 4096


def test_opening_a_map_reads_no_features_before_a_pose_is_asked_for(mapped, tmp_path, monkeypatch):
    _, index = mapped
    index.save(tmp_path)
    reads = []
    whole = StoredKeyframes.read
    monkeypatch.setattr(StoredKeyframes, "read", lambda self: reads.append(1) or whole(self))
    opened = KeyframeIndex.load(tmp_path, index.extractor)
    assert (len(opened), opened.camera, opened.correction) == (len(index), index.camera, index.correction)
    assert not opened.offer(SCENE.frame(orbit(8)[0], camera=CAMERA))
    before = (tmp_path / FILE_NAME).stat().st_mtime_ns
    opened.save(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_mtime_ns == before
    assert not reads
    opened.save(tmp_path / "copy")
    assert len(KeyframeIndex.load(tmp_path / "copy", index.extractor)) == len(index)


def test_an_open_index_keeps_its_keyframes_when_another_replaces_its_file(mapped, tmp_path):
    surface_map, index = mapped
    index.save(tmp_path)
    opened = KeyframeIndex.load(tmp_path, index.extractor)
    KeyframeIndex(index.extractor, map_id="home").save(tmp_path)
    result = Localiser(surface_map, opened).localise(blind(SCENE.frame(QUERY, camera=CAMERA)))
    assert isinstance(result, Localisation)
    opened.save(tmp_path)
    assert len(KeyframeIndex.load(tmp_path, index.extractor)) == len(index)


def test_bad_keyframe_files_are_one_clear_line(mapped, tmp_path):
    _, index = mapped
    with pytest.raises(MapError, match="expected keyframes in"):
        KeyframeIndex.load(tmp_path, index.extractor)
    index.save(tmp_path)
    other = RootSift(compile=False)
    other.name = "another"
    with pytest.raises(MapError, match="map again or choose that extractor"):
        KeyframeIndex.load(tmp_path, other)
    content = (tmp_path / FILE_NAME).read_bytes()
    older = content.replace(b'format_version\\": 4', b'format_version\\": 3')
    assert older != content
    (tmp_path / FILE_NAME).write_bytes(older)
    with pytest.raises(MapError, match="of version 3, expected 4; map the recording again"):
        KeyframeIndex.load(tmp_path, index.extractor)
    (tmp_path / FILE_NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(MapError, match="damaged"):
        KeyframeIndex.load(tmp_path, index.extractor)


def test_a_frame_that_shows_nothing_new_is_not_kept(mapped):
    _, index = mapped
    assert not index.offer(SCENE.frame(orbit(8)[0], camera=CAMERA))
    assert not index.offer(blind(SCENE.frame(QUERY, camera=CAMERA)))


def test_a_corrected_map_frame_moves_the_keyframes(mapped, tmp_path):
    _, index = mapped
    index.save(tmp_path)
    copy = KeyframeIndex.load(tmp_path, index.extractor)
    shift = torch.eye(4, dtype=torch.float64)
    shift[0, 3] = 5.0
    copy.move(shift)
    moved = copy.keyframes[0].points - index.keyframes[0].points
    assert torch.allclose(moved, torch.tensor([5.0, 0.0, 0.0]), atol=1e-3)
    assert float(copy.keyframes[0].world_from_camera[0, 3] - index.keyframes[0].world_from_camera[0, 3]) == 5.0
    copy.save(tmp_path)
    assert torch.equal(KeyframeIndex.load(tmp_path, index.extractor).keyframes[0].codes, index.keyframes[0].codes)


def test_depth_at_points_refuses_edges_and_holes():
    depth = torch.full((20, 20), 2.0)
    depth[:, 10:] = 3.0
    depth[3, 3] = 0.0
    value, known = depth_at_points(depth, torch.tensor([[5.5, 15.5], [10.0, 15.0], [3.4, 3.4], [15.2, 9.9]]))
    assert known.tolist() == [True, False, False, True]
    assert value[0] == pytest.approx(2.0)
    assert value[3] == pytest.approx(3.0)


def test_a_view_looks_most_like_itself():
    g = torch.Generator().manual_seed(0)
    sets = [torch.nn.functional.normalize(torch.rand(200, 32, generator=g) ** 4, dim=-1) for _ in range(4)]
    words = visual_words(torch.cat(sets))
    vlads = torch.stack([vlad(s, words) for s in sets])
    assert (vlads @ vlads.T).argmax(1).tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(vlads.norm(dim=-1), torch.ones(4))


def test_hypotheses_that_are_no_poses_give_none(mapped, monkeypatch):
    """Three points nearly in a line give no rotation."""
    wrong = torch.stack([torch.full((4, 4), math.nan).double(), 2 * torch.eye(4).double()])
    monkeypatch.setattr("tools.localisation.pose_search.solve_poses", lambda *_, **__: wrong)
    for thorough in (False, True):
        result = Localiser(*mapped).localise(blind(SCENE.frame(QUERY, camera=CAMERA)), thorough=thorough)
        assert isinstance(result, NotLocalised)
        assert result.reason == "no_consistent_pose"


def test_all_effort_gives_the_pose_that_little_effort_gives(mapped):
    frame = SCENE.frame(QUERY, camera=CAMERA)
    result = Localiser(*mapped).localise(blind(frame), thorough=True)
    assert isinstance(result, Localisation)
    metres, radians = pose_error(result.world_from_camera, QUERY)
    assert float(metres) < 0.03
    assert float(radians) < math.radians(1.5)
