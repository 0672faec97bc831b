"""Merging a LoRA folder ourselves is what PEFT computes unmerged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Idefics3ForConditionalGeneration

from agent.model.adapter import merge_adapter
from agent.model.interface import ModelError
from agent.model.vlm import LocalVlm
from finetune.recipes.lora import LoraSettings, warm_start, with_new_adapter


@pytest.fixture(scope="module")
def adapter_folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose update is far from zero."""
    settings = LoraSettings(base=tiny_folder, crops=Path(), out=Path(), rank=4, alpha=8)
    model = with_new_adapter(settings, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    ids = torch.arange(20, 40)[None]
    with torch.inference_mode():
        return model(input_ids=ids).logits


def test_merged_equals_unmerged(tiny_folder: Path, adapter_folder: Path) -> None:
    from peft import PeftModel

    def base() -> Idefics3ForConditionalGeneration:
        return Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()

    plain = logits_of(base())
    unmerged = logits_of(PeftModel.from_pretrained(base(), adapter_folder).eval())
    merged_model = base()
    assert merge_adapter(merged_model, adapter_folder) == 14  # 2 layers x 7 projections
    torch.testing.assert_close(logits_of(merged_model), unmerged, atol=1e-4, rtol=1e-4)
    assert (plain - unmerged).abs().max() > 0.1


def test_another_kind_of_adapter_is_refused_in_one_line(
    tiny_folder: Path, adapter_folder: Path, tmp_path: Path
) -> None:
    config = json.loads((adapter_folder / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(ModelError, match="plain LoRA") as caught:
        LocalVlm.load(str(tiny_folder), tmp_path, name="tiny")
    assert "\n" not in str(caught.value)


def test_a_missing_adapter_is_refused_in_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapter_config\.json"):
        LocalVlm.load(str(tiny_folder), tmp_path / "nothing", name="tiny")


def test_training_goes_on_from_an_exported_adapter(tiny_folder: Path, adapter_folder: Path) -> None:
    settings = LoraSettings(base=tiny_folder, crops=Path(), out=Path(), rank=4, alpha=8)
    model = with_new_adapter(settings, seed=5)
    warm_start(model, adapter_folder)
    reference = Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    merge_adapter(reference, adapter_folder)
    torch.testing.assert_close(logits_of(model.eval()), logits_of(reference), atol=1e-4, rtol=1e-4)


def test_an_adapter_of_another_rank_is_no_start(tiny_folder: Path, adapter_folder: Path) -> None:
    model = with_new_adapter(LoraSettings(base=tiny_folder, crops=Path(), out=Path(), rank=8, alpha=8), seed=0)
    with pytest.raises(ValueError, match="this run's rank"):
        warm_start(model, adapter_folder)
