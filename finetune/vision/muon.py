"""Muon for the matrices inside a network, AdamW for everything else, in one optimizer.

Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest semi-orthogonal matrix, found by five
Newton-Schulz steps, so that all directions learn at one rate. The update is scaled to the size of an AdamW update
(0.2 sqrt(max(rows, columns)), Liu et al. 2025, "Muon is scalable for LLM training"), so both share one learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic coefficients of Jordan et al.: singular values of 1 +- 0.3 after five steps."""
_STEPS = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """(m, n) -> (m, n) with all singular values near 1, by Newton-Schulz iteration."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()  # only directions matter: half precision is enough, and twice as fast
    x = x / (x.norm() + 1e-7)
    for _ in range(_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class MuonAdamW(torch.optim.Optimizer):
    """Both rules over one set of parameters; a group's ``rule`` says which."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        others: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.05,
    ) -> None:
        others = list(others)
        groups = [
            {"params": list(matrices), "rule": "muon", "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim >= 2], "rule": "adamw", "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim < 2], "rule": "adamw", "weight_decay": 0.0},
        ]
        super().__init__([g for g in groups if g["params"]], {"lr": lr, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            update = _muon if group["rule"] == "muon" else _adamw
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update(parameter.grad, self.state[parameter], group), alpha=-group["lr"])
        return loss


def _muon(gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
    """Nesterov momentum, orthogonalised."""
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
    ahead = gradient.lerp(momentum, group["momentum"])
    return orthogonalised(ahead) * 0.2 * max(ahead.shape) ** 0.5


def _adamw(gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
    """Adam's direction with bias correction."""
    if not state:
        state["step"] = torch.zeros(())
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state["step"] += 1
    step, (beta1, beta2) = state["step"], group["betas"]
    state["mean"].lerp_(gradient, 1 - beta1)
    state["square"].lerp_(gradient.square(), 1 - beta2)
    root = (state["square"] / (1 - beta2**step)).sqrt_()
    return state["mean"] / (1 - beta1**step) / (root + 1e-9)
