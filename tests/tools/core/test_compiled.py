from __future__ import annotations

import logging

import pytest
import torch

from tools import compiled
from tools.compiled import COMPILED, EAGER, KernelSet
from tools.mapping import SurfaceMap


def test_the_variable_and_the_argument_choose_the_kernels(monkeypatch):
    monkeypatch.setenv(compiled.COMPILE_VARIABLE, "0")
    assert compiled.kernels() is EAGER
    monkeypatch.setenv(compiled.COMPILE_VARIABLE, "1")
    assert compiled.kernels(False) is EAGER
    monkeypatch.setenv(compiled.COMPILE_VARIABLE, "yes")
    with pytest.raises(ValueError, match="must be 0 or 1"):
        compiled.kernels()


def test_without_a_compiler_all_runs_eagerly_and_it_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    monkeypatch.setattr(compiled, "_warned", False)
    with caplog.at_level(logging.WARNING):
        assert compiled.kernels(True) is EAGER
        assert compiled.kernels(True) is EAGER
    assert [record.message for record in caplog.records if "no C++ compiler" in record.message] == [
        "no C++ compiler (g++ or clang++): kernels run eagerly, several times slower"
    ]


def test_every_kernel_has_its_eager_twin():
    for name in KernelSet.__slots__:
        assert getattr(COMPILED, name).eager is getattr(EAGER, name)


def test_the_first_result_does_not_wait_for_a_compile(monkeypatch):
    requests = []
    monkeypatch.setattr(compiled._WORKER, "submit", lambda *request: requests.append(request))
    kernel = compiled.Kernel(compiled.blocks.gather)
    for _ in range(2):
        assert torch.equal(kernel(torch.arange(9), torch.tensor([3, 5])), torch.tensor([3, 5]))
    assert len(requests) == 1


@pytest.fixture(scope="module")
def recorded(room, orbit, camera):
    """The arguments with which mapping and rendering call each kernel."""
    calls = {}

    def recorder(name):
        function = getattr(EAGER, name)

        def record(*args):
            calls.setdefault(name, tuple(a.clone() if isinstance(a, torch.Tensor) else a for a in args))
            return function(*args)

        return record

    surface_map = SurfaceMap(voxel_m=0.04, compile=False)
    surface_map._kernels = KernelSet(**{name: recorder(name) for name in KernelSet.__slots__})
    for world_from_camera in orbit[:2]:
        surface_map.integrate(room.frame(world_from_camera))
    surface_map.raycast(camera, orbit[2])
    frame = room.frame(orbit[0])
    k = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy])
    shifted = torch.eye(4)
    shifted[0, 3] = 0.02
    calls["forward_warp"] = (frame.depth_m, k, shifted, k * 1.3, 150, 200)
    calls["backproject_normals"] = (frame.depth_m, k)
    return calls


@pytest.mark.compile
@pytest.mark.parametrize("name", KernelSet.__slots__)
def test_compiled_equals_eager(recorded, name):
    kernel, arguments = getattr(COMPILED, name), recorded[name]
    expected = kernel.eager(*arguments)
    assert kernel.prepare(*arguments), "the kernel did not compile"
    result = kernel(*arguments)
    for got, want in zip(result, expected, strict=True) if isinstance(expected, tuple) else [(result, expected)]:
        got, want = got.float(), want.float()
        finite = torch.isfinite(want)
        assert torch.equal(finite, torch.isfinite(got))
        # Fused arithmetic rounds differently, so a sample on the border of two voxels or pixels may fall to the other.
        differs = (got - want).abs() > 1e-3 + 1e-3 * want.abs()
        assert differs[finite].float().mean() < 2e-3
