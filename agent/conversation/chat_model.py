"""A local vision-language model as a LangChain chat model whose tools and images really reach the chat template.

Converts LangChain messages to the canonical form of ``agent.model.protocol`` and back; everything else is the model's.
An image is a content part ``{"type": "image", "image": (H, W, 3) uint8 tensor}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from torch import Tensor

from agent.model.protocol import Message, ToolCall, ToolSchema, call_json, call_message, tool_message
from agent.model.vlm import Reply, Vlm


class SightlineChatModel(BaseChatModel):
    """``Vlm`` behind LangChain's interface; with bound tools every reply is one tool call."""

    vlm: Any
    """A ``Vlm``; typed Any because pydantic cannot check a protocol."""
    max_tokens: int = 256
    """Limit of one reply."""

    @property
    def _llm_type(self) -> str:
        return "sightline"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"base": self.vlm.base, "adapter": self.vlm.adapter, "backend": self.vlm.backend}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools in any form that LangChain knows. ``tool_choice`` may name one tool; there is always a call.

        Raises:
            ValueError: ``tool_choice`` names no bound tool, or asks for none.
        """
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        if tool_choice not in (None, "any", "auto", "required"):
            schemas = [schema for schema in schemas if schema["function"]["name"] == tool_choice]
            if not schemas:
                raise ValueError(f"expected tool_choice to be 'any' or a bound tool, got {tool_choice!r}")
        return self.bind(tools=schemas, **kwargs)  # type: ignore[return-value]

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._reply(messages, kwargs.get("tools") or (), kwargs.get("grammar"))
        message = message_chunk_to_message(_chunk(reply, len(messages)))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        # A call is a few dozen tokens and is of no use before it is whole, so it comes as one chunk.
        reply = self._reply(messages, kwargs.get("tools") or (), kwargs.get("grammar"))
        chunk = ChatGenerationChunk(message=_chunk(reply, len(messages)))
        if run_manager:
            run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
        yield chunk

    def _reply(self, messages: Sequence[BaseMessage], tools: Sequence[ToolSchema], grammar: str | None) -> Reply:
        canonical, images = canonical_messages(messages)
        vlm: Vlm = self.vlm
        return vlm.reply(canonical, images, tools, grammar=grammar, limit=self.max_tokens)


def _chunk(reply: Reply, turn: int) -> AIMessageChunk:
    """A reply as LangChain shows it: the call as a chunk, or the raw text with the problem beside it."""
    calls = []
    if reply.call is not None:
        arguments = call_json(reply.call).split('"arguments": ', 1)[1][:-1]
        calls = [tool_call_chunk(name=reply.call.name, args=arguments, id=f"call_{turn}", index=0)]
    return AIMessageChunk(
        content="" if calls else reply.text,
        tool_call_chunks=calls,
        response_metadata={
            "problem": reply.problem,
            "confidence": reply.confidence,
            "prefill_ms": reply.prefill_ms,
            "decode_ms": reply.decode_ms,
            "reused_tokens": reply.reused_tokens,
        },
        chunk_position="last",
    )


def canonical_messages(messages: Sequence[BaseMessage]) -> tuple[list[Message], list[Tensor]]:
    """LangChain messages -> canonical messages and the images of their image parts, in order.

    Raises:
        ValueError: a message or a content part of another kind.
    """
    canonical: list[Message] = []
    images: list[Tensor] = []
    for message in messages:
        if isinstance(message, SystemMessage):
            canonical.append({"role": "system", "content": message.text})
        elif isinstance(message, HumanMessage):
            canonical.append({"role": "user", "content": _parts(message, images)})
        elif isinstance(message, ToolMessage):
            canonical.append(tool_message(message.name or "", message.text, message.tool_call_id))
        elif isinstance(message, AIMessage):
            calls = [ToolCall(name=call["name"], arguments=call["args"]) for call in message.tool_calls]
            if len(calls) > 1:
                raise ValueError(f"expected at most one tool call in a message, got {len(calls)}")
            said: Message = {"role": "assistant", "content": message.text}
            canonical.append(call_message(calls[0], message.tool_calls[0]["id"] or "") if calls else said)
        else:
            raise ValueError(f"expected a system, human, AI or tool message, got {type(message).__name__}")
    return canonical, images


def _parts(message: HumanMessage, images: list[Tensor]) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}]
    parts: list[dict[str, Any]] = []
    for part in message.content:
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif part.get("type") == "text":
            parts.append({"type": "text", "text": part["text"]})
        elif part.get("type") == "image" and isinstance(part.get("image"), Tensor):
            parts.append({"type": "image"})
            images.append(part["image"])
        else:
            raise ValueError(f"expected a text part or an image part with a tensor, got {sorted(part)}")
    return parts
