"""Muon: orthogonal updates, and a descent that reaches the bottom."""

import pytest
import torch
from torch import nn

from finetune.vision.muon import MuonAdamW, orthogonalised


@pytest.mark.parametrize("shape", [(24, 24), (48, 16), (16, 48)])
def test_an_update_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, int]):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    # In the singular basis the update is nearly diagonal (half precision leaves a few percent).
    inner = u.T @ found @ vt.T
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 0.1


def test_both_rules_descend():
    torch.manual_seed(0)
    x, wanted = torch.randn(64, 8), torch.randn(8, 8)
    model = nn.Linear(8, 8)
    optimizer = MuonAdamW([model.weight], [model.bias], lr=0.02, weight_decay=0.0)
    losses = []
    for _ in range(400):
        loss = (model(x) - x @ wanted - 1.0).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]
