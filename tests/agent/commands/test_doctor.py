"""What `sightline doctor` says, and what makes it fail."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from agent.cli import main
from agent.commands import doctor
from tools.kernels import compiled, packages
from tools.kernels.compiled import COMPILED


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    save_file({"a": torch.ones(3)}, path)
    return path


def recorded(path: Path) -> metadata.FileHash:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return metadata.FileHash("sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def states(checks: list[doctor.Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_this_machine_can_run_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    names = [check["name"] for check in report["checks"]]
    assert names[0] == "machine"
    assert {f"kernel {name}" for name in ("icp_step", "refine")} <= set(names)
    assert sum(name.startswith("weights agent/") for name in names) >= 2


def test_something_needed_that_is_not_there_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "NEEDED", {"no-such-package": "no_such_package"})
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "failed  no-such-package" in out
    assert out.splitlines()[-1] == "not working: no-such-package"


def test_a_package_that_cannot_be_imported_is_not_working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED", {"torch": "no_such_module"})
    found = states(doctor.examine())
    assert found["torch"] == "failed"


def test_an_absent_extra_and_an_absent_compiler_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"no-such-package": "nothing"})
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    assert states(list(doctor._extras())) == {"extra no-such-package": "absent"}
    assert doctor._compiler().state == "absent"


def test_weights_are_held_against_the_hash_they_were_installed_with(weights: Path) -> None:
    good = recorded(weights)
    assert "as installed" in doctor._weight_check(weights, "some.safetensors", good).text
    assert "no hash was recorded" in doctor._weight_check(weights, "some.safetensors", None).text
    save_file({"a": torch.zeros(3)}, weights)
    assert doctor._weight_check(weights, "some.safetensors", good).state == "failed"


def test_cut_off_weights_fail_without_a_recorded_hash(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-4])
    assert doctor._weight_check(weights, "some.safetensors", None).state == "failed"


def test_a_kernel_says_how_it_will_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(compiled.COMPILE_VARIABLE, "1")
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    assert {check.text for check in doctor._kernels()} == {"eager"}
    args = (torch.zeros(4, 4), torch.ones(4))
    kernel = COMPILED.backproject_normals
    assert isinstance(kernel, compiled.Kernel)
    what = packages.description(kernel.eager, args, ())
    path = packages._path(what)
    path.write_bytes(b"")
    path.with_suffix(".json").write_text(json.dumps(what))
    texts = {check.name: check.text for check in doctor._kernels()}
    assert texts["kernel backproject_normals"] == "packaged for 1 set of shapes"
    path.with_suffix(".json").write_text(json.dumps(what | {"isa": "another"}))
    assert {check.text for check in doctor._kernels()} == {"eager"}


def test_each_model_of_the_package_is_named_with_its_hash_and_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, adapter = tmp_path / "weights" / "minilm" / "base", tmp_path / "weights" / "minilm" / "adapter"
    for folder, name in ((tmp_path / "weights" / "base", "model"), (base, "model"), (adapter, "adapter_model")):
        folder.mkdir(parents=True)
        save_file({"a": torch.ones(2)}, folder / f"{name}.safetensors")
    monkeypatch.setattr(doctor, "_package_folder", lambda package: tmp_path)
    digest = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()[:12]
    embedded, minilm = doctor._models()
    assert (embedded.state, minilm.state) == ("ok", "ok")
    assert "Apache-2.0" in embedded.text
    assert digest in minilm.text
    assert "53aa51172d14" in minilm.text
    monkeypatch.setattr("tools.memory.text_encoder.installed_encoder", lambda: None)
    assert "pip install" in list(doctor._models())[1].text
