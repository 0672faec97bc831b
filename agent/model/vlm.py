"""A base and an adapter -> a model that reads messages with images and writes tool calls.

``load_vlm`` takes ``embedded`` or ``minilm`` (weights in this package), a folder, a hub id, or ``openai:MODEL@URL``.
Local models run through ``agent.model.decode`` under ``agent.model.grammar``, those that point through
``agent.model.pointer``; a served one is trusted to follow its own tool protocol and is checked when parsed. Heavy
imports happen here only when a local model is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from agent.model.interface import ANSWER_TOKENS, ModelError, Reply, Vlm
from agent.model.protocol import Message, ProtocolError, ToolCall, ToolSchema, parse_call
from agent.model.recogniser import Recogniser

if TYPE_CHECKING:  # transformers and llguidance, which a served model does not need
    from agent.model.decode import Decoded, Decoder, Prompt
    from agent.model.grammar import Grammars

EMBEDDED = "embedded"
LINEAR_POSITIONS = ("idefics3", "smolvlm")
"""Model types whose positions are token numbers, so that a kept cache may be cut anywhere."""
BATCH = 32
"""Pictures that are named side by side."""


def load_vlm(spec: str = EMBEDDED, adapter: str | Path | None = None) -> Vlm:
    """Load a model by its specification.

    Args:
        spec: ``embedded``, ``minilm``, a folder, a hub id, or ``openai:MODEL@URL``.
        adapter: a PEFT LoRA folder, merged into the weights. The embedded model brings its own.

    Raises:
        ModelError: nothing there, a corrupt or missing file, an unreachable server's malformed address.
    """
    if spec.startswith("openai:"):
        from agent.model.served import ServedVlm

        if adapter is not None:
            raise ModelError(f"expected no adapter with a served model, got {adapter}; load it in the server")
        return ServedVlm.from_spec(spec)
    if spec == EMBEDDED:
        return load_embedded(adapter)

    from agent.model.pointer.vlm import MINILM, is_pointer_folder, load_minilm, load_pointer

    given = None if adapter is None else Path(adapter)
    if spec == MINILM:
        return load_minilm(embedded_folder(), given, eyes=load_embedded)
    if is_pointer_folder(Path(spec)):
        return load_pointer(Path(spec), given, eyes=load_embedded, name=spec)
    return LocalVlm.load(spec, adapter, name=spec)


def embedded_folder() -> Path:
    """The folder with the embedded base model.

    Raises:
        ModelError: the package was installed without it.
    """
    folder = Path(str(resources.files("agent") / "weights"))
    if not (folder / "base" / "model.safetensors").is_file():
        raise ModelError(f"expected the embedded weights in {folder / 'base'}, found none; install the package again")
    return folder


def load_embedded(adapter: str | Path | None = None) -> LocalVlm:
    """The model that ships in the package, with its own adapter unless another is given."""
    folder = embedded_folder()
    own = folder / "adapter"
    return LocalVlm.load(
        str(folder / "base"), adapter or own, name=EMBEDDED, adapter_name=None if adapter else EMBEDDED
    )


class LocalVlm:
    """A transformers vision-language model in this process."""

    backend = "torch"

    def __init__(self, model: Any, processor: Any, *, base: str, adapter: str | None = None) -> None:
        from agent.model.decode import Decoder
        from agent.model.grammar import Grammars

        self.base, self.adapter = base, adapter
        self.recogniser: Recogniser | None = None
        self.model, self.processor = model, processor
        tokenizer = processor.tokenizer
        vocab = int(model.get_output_embeddings().weight.shape[0])
        self.grammars: Grammars = Grammars(tokenizer, vocab)
        linear = model.config.model_type in LINEAR_POSITIONS
        self.decoder: Decoder = Decoder(model, _end_ids(model, tokenizer), reuse=linear)
        self._image_token = getattr(model.config, "image_token_id", None)

    @classmethod
    def load(cls, source: str, adapter: str | Path | None, *, name: str, adapter_name: str | None = None) -> LocalVlm:
        """Read base and adapter; the adapter is merged. ``name`` and ``adapter_name`` are what answers say of them.

        Raises:
            ModelError: see ``load_vlm``.
        """
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForImageTextToText
        from transformers.utils import logging as hf_logging

        quiet = Path(source).is_dir() and hf_logging.is_progress_bar_enabled()
        if quiet:  # a download deserves a bar, reading a local file does not
            hf_logging.disable_progress_bar()
        try:
            processor = _processor(source)
            model = AutoModelForImageTextToText.from_pretrained(source, dtype=torch.float32, use_safetensors=True)
            if adapter is not None:
                from agent.model.adapter import merge_adapter

                merge_adapter(model, Path(adapter))
            recogniser = Recogniser.load(Path(source), model, processor)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise ModelError(_load_problem(source, adapter, error)) from error
        finally:
            if quiet:
                hf_logging.enable_progress_bar()
        said = adapter_name or (str(adapter) if adapter else None)
        vlm = cls(model.eval(), processor, base=name, adapter=said)
        vlm.recogniser = recogniser
        return vlm

    def prompt(self, messages: Sequence[Message], images: Sequence[Tensor], tools: Sequence[ToolSchema]) -> Prompt:
        """Messages and images through the model's own chat template and processor."""
        from agent.model.decode import Prompt

        text = self.processor.apply_chat_template(
            list(messages), tools=list(tools) or None, tokenize=False, add_generation_prompt=True
        )
        arrays = [image.numpy() for image in images]
        batch = self.processor(text=[text], images=arrays or None, return_tensors="pt")
        features = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
        if self.model.config.model_type in LINEAR_POSITIONS:
            features.pop("pixel_attention_mask", None)  # squares without padding
        return Prompt(
            ids=tuple(batch["input_ids"][0].tolist()),
            features=features,
            image_token=self._image_token,
            image_marks=tuple(hashlib.sha1(array.tobytes()).hexdigest() for array in arrays),
        )

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = ANSWER_TOKENS,
    ) -> Reply:
        """See ``Vlm.reply``."""
        matcher = None
        if grammar is not None:
            matcher = self.grammars.lark(grammar)
        elif tools:
            matcher = self.grammars.calls(tools)
        decoded = self.decoder.run(self.prompt(messages, images, tools), matcher, limit=limit)
        return self._reply(decoded, calls=bool(tools) and grammar is None)

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """See ``Vlm.replies``; side by side where all pictures become equally many tokens."""
        if self.model.config.model_type not in LINEAR_POSITIONS:
            return [self.reply(messages, [picture], grammar=grammar, limit=limit) for picture in pictures]
        out: list[Reply] = []
        for start in range(0, len(pictures), BATCH):
            prompts = [self.prompt(messages, [picture], ()) for picture in pictures[start : start + BATCH]]
            matchers = [self.grammars.lark(grammar) for _ in prompts]
            decoded = self.decoder.run_many(prompts, matchers, limit=limit)
            out += [self._reply(one, calls=False) for one in decoded]
        return out

    def _reply(self, decoded: Decoded, *, calls: bool) -> Reply:
        text = self.processor.tokenizer.decode(list(decoded.ids), skip_special_tokens=False)
        call, problem = _parsed(text) if calls else (None, "")
        texts = self.processor.tokenizer.batch_decode([[token] for token in decoded.ids])
        return Reply(
            text=text,
            call=call,
            problem=problem,
            pieces=tuple(zip(texts, decoded.probabilities, strict=True)),
            prefill_ms=decoded.prefill_ms,
            decode_ms=decoded.decode_ms,
            reused_tokens=decoded.reused,
        )


def _processor(source: str) -> Any:
    """The model's own processor, or its picture part where the rest needs torchvision."""
    from transformers import AutoConfig, AutoProcessor

    from agent.model.qwen_processor import MODEL_TYPES, QwenProcessor

    if AutoConfig.from_pretrained(source).model_type in MODEL_TYPES:
        return QwenProcessor.from_pretrained(source)
    return AutoProcessor.from_pretrained(source)


def _parsed(text: str) -> tuple[ToolCall | None, str]:
    try:
        return parse_call(text), ""
    except ProtocolError as error:
        return None, str(error)


def _end_ids(model: Any, tokenizer: Any) -> list[int]:
    stated = getattr(model.generation_config, "eos_token_id", None)
    ends = stated if isinstance(stated, list) else [stated]
    return [token for token in {*ends, tokenizer.eos_token_id} if token is not None]


def _load_problem(source: str, adapter: str | Path | None, error: Exception) -> str:
    first = " ".join(str(error).split())[:160]
    what = f"{source} with adapter {adapter}" if adapter else source
    return f"expected a vision-language model in {what}, got: {first}; check the files or install them again"
