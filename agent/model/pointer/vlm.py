"""The pointer model behind ``agent.model.vlm.Vlm``: calls from text here, pictures through the embedded eyes.

A picture is looked at by the embedded model's tower, connector and heads (loaded at the first picture); the calls of a
turn do not read the asked frame yet, for which the network keeps a place (``PointerConfig.picture_width``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from agent.model.interface import ANSWER_TOKENS, ModelError, Reply, Vlm
from agent.model.protocol import Message, ToolSchema, hermes

if TYPE_CHECKING:
    from agent.model.pointer.decoding import PointerWriter
    from agent.model.recogniser import Recogniser

MINILM = "minilm"
"""The specification of the pointer model that ships in the package."""
FOLDER = "minilm"
"""Its place under ``agent/weights``, with ``base`` and ``adapter``."""


class PointerVlm:
    """Calls by pointing, pictures by other eyes; not for concurrent use."""

    backend = "torch"

    def __init__(self, writer: PointerWriter, eyes: Callable[[], Vlm], *, base: str, adapter: str | None) -> None:
        """``eyes`` loads the model that looks at pictures; called at the first one."""
        self.base, self.adapter = base, adapter
        self._writer, self._load_eyes = writer, eyes

    @cached_property
    def _eyes(self) -> Vlm:
        return self._load_eyes()

    @property
    def recogniser(self) -> Recogniser | None:
        """See ``Vlm.recogniser``."""
        return self._eyes.recogniser

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = ANSWER_TOKENS,
    ) -> Reply:
        """See ``Vlm.reply``. Without tools it is a question about a picture.

        Raises:
            ModelError: a tool's schema that cannot be enforced.
        """
        from agent.model.pointer.choices import SchemaError

        if grammar is not None or not tools:
            return self._eyes.reply(messages, images, tools, grammar=grammar, limit=limit)
        try:
            written = self._writer.write(messages, tools)
        except SchemaError as error:
            raise ModelError(str(error)) from error
        return Reply(
            text=hermes(written.call),
            call=written.call,
            pieces=written.choices,
            prefill_ms=written.reading_ms,
            decode_ms=written.writing_ms,
            reused_tokens=written.reused,
        )

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """See ``Vlm.replies``."""
        return self._eyes.replies(messages, pictures, grammar=grammar, limit=limit)


def is_pointer_folder(folder: Path) -> bool:
    """Whether a folder holds a base of this kind."""
    import json

    from agent.model.pointer.network import MODEL_TYPE

    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type") == MODEL_TYPE
    except (OSError, ValueError, AttributeError):
        return False


def load_minilm(weights: Path, adapter: Path | None, *, eyes: Callable[[], Vlm]) -> PointerVlm:
    """The model that ships in the package, with its own adapter unless another is given. ``weights``: agent/weights."""
    folder = weights / FOLDER
    own = None if adapter else MINILM
    return load_pointer(folder / "base", adapter or folder / "adapter", eyes=eyes, name=MINILM, adapter_name=own)


def load_pointer(
    folder: Path, adapter: Path | None, *, eyes: Callable[[], Vlm], name: str, adapter_name: str | None = None
) -> PointerVlm:
    """A base folder and an adapter folder, the latter merged. ``eyes`` loads the model that looks at pictures.

    Raises:
        ModelError: a file is missing, cut short or of another model; the encoder's package is missing.
    """
    from safetensors import SafetensorError

    from agent.model.adapter import merge_adapter
    from agent.model.pointer.decoding import PointerWriter
    from agent.model.pointer.network import load_network
    from scenes.errors import InputError

    try:
        network, tokenizer = load_network(folder)
        if adapter is not None:
            merge_adapter(network, adapter)
        writer = PointerWriter(network.eval(), tokenizer)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, InputError) as error:
        what = f"{folder} with adapter {adapter}" if adapter else str(folder)
        first = " ".join(str(error).split())[:200]
        raise ModelError(f"expected a pointer model in {what}, got: {first}") from error
    said = adapter_name or (str(adapter) if adapter else None)
    return PointerVlm(writer, eyes, base=name, adapter=said)
