from __future__ import annotations

import json
import logging

import pytest
import torch

from evals.bench.kernels import KERNEL_NAMES, recorded_arguments
from tools.kernels import compiled, packages
from tools.kernels.compiled import COMPILED, EAGER


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
    for name in KERNEL_NAMES:
        assert getattr(COMPILED, name).eager is getattr(EAGER, name)


def test_the_first_result_does_not_wait_for_a_compile(monkeypatch):
    requests = []
    monkeypatch.setattr(compiled._WORKER, "submit", lambda *request: requests.append(request))
    kernel = compiled.Kernel(compiled.blocks.gather)
    for _ in range(2):
        assert torch.equal(kernel(torch.arange(9), torch.tensor([3, 5])), torch.tensor([3, 5]))
    assert len(requests) == 1


@pytest.fixture(scope="module")
def recorded(room, orbit):
    """The arguments with which mapping and rendering call each kernel."""
    return recorded_arguments([room.frame(world_from_camera) for world_from_camera in orbit[:2]], 0.04)


@pytest.mark.compile
@pytest.mark.parametrize("name", KERNEL_NAMES)
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


@pytest.mark.compile
@pytest.mark.parametrize("name", KERNEL_NAMES)
def test_every_kernel_can_be_exported_for_another_runtime(recorded, name):
    kernel, arguments = getattr(COMPILED, name), recorded[name]
    program = kernel.export(*arguments)
    tensors = [argument for argument in arguments if isinstance(argument, torch.Tensor)]
    assert len(program.graph_signature.user_inputs) >= len(tensors)


@pytest.mark.compile
@pytest.mark.slow
def test_a_package_is_used_where_it_fits_and_only_there(recorded, monkeypatch, tmp_path):
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    arguments = recorded["carvable_blocks"]
    built = compiled.Kernel(compiled.blocks.carvable_blocks, growing=(0, 1))
    path = built.build(*arguments)
    assert packages.any_built()
    fresh = compiled.Kernel(compiled.blocks.carvable_blocks, growing=(0, 1))
    monkeypatch.setattr(compiled, "compiler_available", lambda: False)
    assert fresh.prepare(*arguments)
    assert torch.equal(fresh(*arguments), fresh.eager(*arguments))
    # A pool that has grown since is the same kernel.
    longer = tuple(torch.cat([a, a]) if i in (0, 1) else a for i, a in enumerate(arguments))
    assert torch.equal(fresh(*longer), fresh.eager(*longer))
    note = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(note | {"isa": "another"}))
    assert packages.load(built.eager, arguments, (0, 1)) is None
    monkeypatch.setattr(packages.torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert packages.load(built.eager, arguments, (0, 1)) is None


def test_a_broken_package_is_not_used(monkeypatch, tmp_path, recorded, caplog):
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    arguments = recorded["carvable_blocks"]
    what = packages.description(EAGER.carvable_blocks, arguments, (0, 1))
    path = packages._path(what)
    path.write_bytes(b"not a package")
    path.with_suffix(".json").write_text(json.dumps(what))
    assert packages.load(EAGER.carvable_blocks, arguments, (0, 1)) is None
    assert "cannot be loaded" in caplog.text
