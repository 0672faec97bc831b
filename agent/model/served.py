"""A model behind any OpenAI-compatible server (vLLM, llama.cpp, Ollama, ...), over plain HTTP.

The server renders its own chat template; what comes back is checked like any other reply.
"""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from torch import Tensor

from agent.model.protocol import Message, ProtocolError, ToolCall, ToolSchema, call_from_payload
from agent.model.vlm import ANSWER_TOKENS, ModelError, Reply

TIMEOUT_S = 120.0


class ServedVlm:
    """``Vlm`` over ``POST URL/chat/completions``, greedy."""

    adapter = None
    backend = "openai"
    recogniser = None

    def __init__(self, model: str, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.base = f"{model}@{url}"
        self._model, self._url, self._timeout_s = model, url.rstrip("/"), timeout_s

    @classmethod
    def from_spec(cls, spec: str) -> ServedVlm:
        """``openai:MODEL@URL``; the URL is the one that ends in ``/v1``.

        Raises:
            ModelError: another form.
        """
        model, at, url = spec.removeprefix("openai:").partition("@")
        if not at or not model or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ModelError(f"expected openai:MODEL@URL with an http address, got {spec!r}")
        return cls(model, url)

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = ANSWER_TOKENS,
    ) -> Reply:
        """See ``agent.model.vlm.Vlm.reply``; a Lark grammar cannot be sent to every server and is not.

        Raises:
            ModelError: the server cannot be reached, refuses, or answers in another form.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "messages": wire_messages(messages, images),
            "temperature": 0,
            "max_tokens": limit,
        }
        if tools:
            body |= {"tools": list(tools), "tool_choice": "required", "parallel_tool_calls": False}
        start = time.perf_counter()
        answer = self._post(body)
        elapsed_ms = (time.perf_counter() - start) * 1e3
        try:
            message = answer["choices"][0]["message"]
        except (KeyError, IndexError, TypeError) as error:
            raise ModelError(f"expected a chat completion from {self._url}, got {str(answer)[:120]}") from error
        call, problem = _call_of(message) if tools else (None, "")
        return Reply(text=message.get("content") or "", call=call, problem=problem, decode_ms=elapsed_ms)

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """See ``agent.model.vlm.Vlm.replies``; one request each."""
        return [self.reply(messages, [picture], grammar=grammar, limit=limit) for picture in pictures]

    def _post(self, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self._url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(300).decode(errors="replace").split())
            raise ModelError(f"expected an answer from {self._url}, got HTTP {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise ModelError(f"expected an OpenAI-compatible server at {self._url}, got: {error}") from error


def wire_messages(messages: Sequence[Message], images: Sequence[Tensor]) -> list[Message]:
    """Canonical messages as they go over the wire: images inline as PNG, call arguments as JSON text."""
    waiting = iter(images)
    out: list[Message] = []
    for message in messages:
        message = dict(message)
        if isinstance(message.get("content"), list):
            message["content"] = [
                {"type": "image_url", "image_url": {"url": data_url(next(waiting))}} if p["type"] == "image" else p
                for p in message["content"]
            ]
        if message.get("tool_calls"):
            message["tool_calls"] = [_wire_call(call) for call in message["tool_calls"]]
        out.append(message)
    return out


def _wire_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "id": call.get("id", "call_0"), "function": {"name": function["name"], "arguments": arguments}}


def data_url(image: Tensor) -> str:
    """(H, W, 3) uint8 -> ``data:image/png;base64,...``."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image.numpy()).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _call_of(message: dict[str, Any]) -> tuple[ToolCall | None, str]:
    calls = message.get("tool_calls") or []
    if len(calls) != 1:
        return None, f"expected one tool call, got {len(calls)}"
    try:
        return call_from_payload(calls[0].get("function")), ""
    except ProtocolError as error:
        return None, str(error)
