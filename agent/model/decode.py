"""A greedy decode loop: prefix reuse, forced tokens without a forward pass, a probability for every choice.

Our own, because ``generate()`` neither reuses a prompt across turns nor takes forced runs of tokens. Here the cache of
the last sequence is kept; the next prompt is compared with it token by token and only the rest is computed. Under a
grammar, forced tokens wait until a choice comes and then go through the model together.

It knows input ids and features, not messages or tools.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from agent.model.grammar import Matcher, greedy_choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is read before the first token is written."""

    ids: tuple[int, ...]
    features: Mapping[str, Tensor] = field(default_factory=dict)
    """Further model inputs: pixel values and the like."""
    image_token: int | None = None
    image_marks: tuple[str, ...] = ()
    """One digest per image, in order: equal prompts have equal ids and equal images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What was written, and what it cost."""

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    """One per id under the grammar; 1.0 where the token was forced."""
    complete: bool
    """False when the token limit came first."""
    prefill_ms: float
    decode_ms: float
    reused: int
    """Prompt tokens that came from the kept cache."""


class Decoder:
    """Greedy decoding with one kept cache; not for concurrent use.

    Args:
        model: any model with ``input_ids`` and ``past_key_values``.
        end_ids: tokens that end a turn.
        reuse: keep the cache between prompts. Only for models whose positions are token numbers; models with
            multi-axis positions (Qwen-VL) compute every prompt afresh.
    """

    def __init__(self, model: PreTrainedModel, end_ids: Sequence[int], *, reuse: bool) -> None:
        self.model = model
        self.end_ids = frozenset(end_ids)
        self.reuse = reuse
        self._cache: Any = None
        self._keys: tuple[tuple[int, str], ...] = ()
        """What the cache holds: token ids, image tokens with the digest of their image."""

    def drop_cache(self) -> None:
        """Read the next prompt afresh."""
        self._cache, self._keys = None, ()

    @torch.inference_mode()
    def run(self, prompt: Prompt, matcher: Matcher | None = None, *, limit: int = 256) -> Decoded:
        """Write until the grammar is complete, an end token comes, or ``limit`` tokens are written.

        Raises:
            ValueError: an empty prompt.
        """
        if not prompt.ids:
            raise ValueError("expected at least one prompt token, got none")
        start = time.perf_counter()
        logits, reused = self._prefill(prompt)
        prefilled = time.perf_counter()
        ids, probabilities, complete = self._write(logits, matcher, limit)
        done = time.perf_counter()
        return Decoded(
            ids=tuple(ids),
            probabilities=tuple(probabilities),
            complete=complete,
            prefill_ms=(prefilled - start) * 1e3,
            decode_ms=(done - prefilled) * 1e3,
            reused=reused,
        )

    @torch.inference_mode()
    def run_many(self, prompts: Sequence[Prompt], matchers: Sequence[Matcher], *, limit: int = 32) -> list[Decoded]:
        """Several short replies side by side; the kept cache is dropped.

        Prompts must be equally long, so that no row needs padding; their features are joined along the first axis.

        Raises:
            ValueError: no prompts, prompts of different lengths, or not one matcher each.
        """
        lengths = {len(prompt.ids) for prompt in prompts}
        if len(lengths) != 1 or 0 in lengths or len(matchers) != len(prompts):
            raise ValueError(f"expected equally long prompts with a matcher each, got lengths {sorted(lengths)}")
        self.drop_cache()
        _reset_positions(self.model)
        start = time.perf_counter()
        cache = DynamicCache(config=self.model.config)
        features = {name: torch.cat([p.features[name] for p in prompts]) for name in prompts[0].features}
        logits = self._forward_many(cache, [list(prompt.ids) for prompt in prompts], features)
        prefilled = time.perf_counter()
        rows = [_BatchedReply(matcher) for matcher in matchers]
        for _ in range(limit):
            tokens = [row.step(logits[i], self.end_ids) for i, row in enumerate(rows)]
            if all(row.done for row in rows):
                break
            logits = self._forward_many(cache, [[token] for token in tokens])
        decode_ms = (time.perf_counter() - prefilled) * 1e3 / len(rows)
        prefill_ms = (prefilled - start) * 1e3 / len(rows)
        return [row.decoded(prefill_ms, decode_ms) for row in rows]

    def _forward_many(self, cache: Any, ids: list[list[int]], features: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits after the last token of each row; (N, V)."""
        device = self.model.device
        inputs = {name: value.to(device) for name, value in (features or {}).items()}
        out = self.model(
            input_ids=torch.tensor(ids, device=device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **inputs,
        )
        return out.logits[:, -1]

    def _prefill(self, prompt: Prompt) -> tuple[Tensor, int]:
        keys = _keys(prompt)
        same = 0
        if self.reuse and self._cache is not None:
            # The last token is always computed: its logits are what decoding starts from.
            held = min(len(keys) - 1, len(self._keys), self._cache.get_seq_length())
            while same < held and keys[same] == self._keys[same]:
                same += 1
            if _image_cut(prompt, same):
                same = 0
        if same and self._cache is not None:
            surplus = self._cache.get_seq_length() - same
            if surplus:
                self._cache.crop(-surplus)
        else:
            self._cache = DynamicCache(config=self.model.config)
            _reset_positions(self.model)
        features = _remaining(prompt, same)
        logits = self._forward(list(prompt.ids[same:]), features)
        self._keys = keys
        return logits, same

    def _forward(self, ids: list[int], features: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits after the last of ``ids``; (V,)."""
        device = self.model.device
        # No attention mask: there is no padding, and some classes read their positions off its length.
        out = self.model(
            input_ids=torch.tensor([ids], device=device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
            **{name: value.to(device) for name, value in (features or {}).items()},
        )
        return out.logits[0, -1]

    def _write(self, logits: Tensor, matcher: Matcher | None, limit: int) -> tuple[list[int], list[float], bool]:
        ids: list[int] = []
        probabilities: list[float] = []
        waiting: list[int] = []
        while len(ids) < limit:
            forced = matcher.forced() if matcher else []
            ids += forced
            waiting += forced
            probabilities += [1.0] * len(forced)
            if matcher and matcher.finished:
                return ids, probabilities, True
            if waiting:
                logits = self._forward(waiting)
                self._keys += tuple((token, "") for token in waiting)
                waiting = []
            token, probability = greedy_choice(matcher.constrain(logits) if matcher else logits)
            if token in self.end_ids:
                return ids, probabilities, True
            if matcher:
                matcher.accept(token)
            ids.append(token)
            probabilities.append(probability)
            waiting.append(token)
        return ids, probabilities, False


class _BatchedReply:
    """One of several replies that are written side by side."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._ids: list[int] = []
        self._probabilities: list[float] = []
        self.done = False

    def step(self, logits: Tensor, end_ids: frozenset[int]) -> int:
        """Choose a token; a finished row repeats an end token that nobody reads."""
        if not self.done:
            token, probability = greedy_choice(self._matcher.constrain(logits))
            if token not in end_ids:
                self._matcher.accept(token)
                self._ids.append(token)
                self._probabilities.append(probability)
            self.done = token in end_ids or self._matcher.finished
            return token
        return next(iter(end_ids))

    def decoded(self, prefill_ms: float, decode_ms: float) -> Decoded:
        """The reply; times are shares of the whole."""
        return Decoded(
            ids=tuple(self._ids),
            probabilities=tuple(self._probabilities),
            complete=self.done,
            prefill_ms=prefill_ms,
            decode_ms=decode_ms,
            reused=0,
        )


def _reset_positions(model: PreTrainedModel) -> None:
    """Models with multi-axis positions keep an offset of their last prompt; a new prompt must not inherit it."""
    for module in model.modules():
        if getattr(module, "rope_deltas", None) is not None:
            setattr(module, "rope_deltas", None)  # noqa: B010 - an attribute of some classes only


def _keys(prompt: Prompt) -> tuple[tuple[int, str], ...]:
    """Token ids, each image token with its image's digest."""
    marks = list(prompt.image_marks)
    count = sum(token == prompt.image_token for token in prompt.ids)
    per_image = count // len(marks) if marks else 0
    keys, seen = [], 0
    for token in prompt.ids:
        mark = ""
        if token == prompt.image_token and per_image:
            mark = marks[min(seen // per_image, len(marks) - 1)]
            seen += 1
        keys.append((token, mark))
    return tuple(keys)


def _image_cut(prompt: Prompt, same: int) -> bool:
    """Whether the first new token lies inside an image: such a prompt is computed afresh."""
    return same < len(prompt.ids) and same > 0 and prompt.ids[same] == prompt.ids[same - 1] == prompt.image_token


def _remaining(prompt: Prompt, same: int) -> dict[str, Tensor]:
    """The features of the images behind the first ``same`` tokens."""
    if not same or not prompt.image_marks:
        return dict(prompt.features)
    per_image = sum(token == prompt.image_token for token in prompt.ids) // len(prompt.image_marks)
    done = sum(token == prompt.image_token for token in prompt.ids[:same]) // per_image
    if done == len(prompt.image_marks):
        return {}
    # (1, images, ...) tensors, the form of Idefics3; other forms never reuse a cache.
    return {name: value[:, done:] for name, value in prompt.features.items()}
