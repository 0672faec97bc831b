"""Muon: orthogonal updates of the right size, a descent that reaches the bottom, and a state that can be saved."""

import copy

import pytest
import torch
from torch import nn

from finetune.vision.muon import MuonAdamW


def trained(steps: int, resume_at: int | None = None) -> nn.Linear:
    """A layer after some steps towards a known map; at ``resume_at`` a new optimizer takes over the saved state."""
    torch.manual_seed(0)
    x, wanted = torch.randn(64, 8), torch.randn(8, 8)
    model = nn.Linear(8, 8)
    weight, bias = model.parameters()
    optimizer = MuonAdamW([weight], [bias], lr=0.02, weight_decay=0.0)
    for step in range(steps):
        if step == resume_at:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = MuonAdamW([weight], [bias], lr=0.5, weight_decay=0.9)
            optimizer.load_state_dict(state)
        loss = (model(x) - x @ wanted - 1.0).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("shape", [(24, 24), (48, 16), (16, 48)])
def test_an_update_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, int]):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = matrix.clone()
    MuonAdamW([parameter], [], lr=1.0, weight_decay=0.0).step()
    found = -parameter.detach() / (0.2 * max(shape) ** 0.5)  # the size of an AdamW update: Liu et al. 2025
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    # In the singular basis the update is nearly diagonal (half precision leaves a few percent).
    inner = u.T @ found @ vt.T
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 0.1


def test_both_rules_descend():
    torch.manual_seed(0)
    x, wanted = torch.randn(64, 8), torch.randn(8, 8)
    start, end = trained(0), trained(400)
    losses = [float((m(x) - x @ wanted - 1.0).square().mean().detach()) for m in (start, end)]
    assert losses[-1] < 0.05 * losses[0]


def test_a_saved_state_goes_on_as_if_never_stopped():
    assert torch.equal(trained(30).weight, trained(30, resume_at=12).weight)
    assert torch.equal(trained(30).bias, trained(30, resume_at=12).bias)


def test_matrices_decay_vectors_do_not_and_nothing_moves_without_a_gradient():
    inner, table, vector = (nn.Parameter(torch.ones(s)) for s in ((4, 4), (4, 4), (4,)))
    optimizer = MuonAdamW([inner], [table, vector], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert bool((inner == 1).all() and (table == 1).all() and (vector == 1).all())
    for parameter in (inner, table, vector):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(table, torch.full((4, 4), 0.95))
    assert torch.allclose(inner, torch.full((4, 4), 0.95))
    assert torch.equal(vector, torch.ones(4))


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="2D"):
        MuonAdamW([nn.Parameter(torch.ones(3))], [], lr=0.1)
