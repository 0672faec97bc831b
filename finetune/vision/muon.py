"""Muon for the matrices inside a network, AdamW for everything else, as one optimizer.

Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest semi-orthogonal matrix, so that all directions
learn at one rate. ``match_rms_adamw`` scales the update to the size of an AdamW update (0.2 sqrt(max(rows, columns)),
Liu et al. 2025, "Muon is scalable for LLM training"), so both share one learning rate. Both rules are PyTorch's own;
what is here makes one optimizer of them, because a training loop steps, resumes and prepares one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class MuonAdamW(torch.optim.Optimizer):
    """``torch.optim.Muon`` and ``torch.optim.AdamW`` over one set of parameters, with one state and one list of groups.

    Args:
        matrices: what Muon updates; two dimensions each.
        others: what AdamW updates; vectors among them (norms, biases) are not decayed.

    Raises:
        ValueError: a parameter of ``matrices`` that is no matrix.
    """

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
        matrices, others = list(matrices), list(others)
        decayed, vectors = [p for p in others if p.ndim >= 2], [p for p in others if p.ndim < 2]
        self._rules: list[tuple[torch.optim.Optimizer, int]] = []
        if matrices:
            muon = torch.optim.Muon(
                matrices, lr=lr, weight_decay=weight_decay, momentum=momentum, adjust_lr_fn="match_rms_adamw"
            )
            self._rules.append((muon, len(muon.param_groups)))
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        groups = [g for g in groups if g["params"]]
        if groups:
            adamw = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=1e-9)
            self._rules.append((adamw, len(adamw.param_groups)))
        super().__init__([g for rule, _ in self._rules for g in rule.param_groups], {"lr": lr})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for rule, _ in self._rules:
            rule.step()
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        """``load_state_dict`` puts new groups and a new state here; both rules must see them."""
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        start = 0
        for rule, count in self._rules:
            rule.state = self.state
            rule.param_groups = self.param_groups[start : start + count]
            start += count
