"""A model behind any OpenAI-compatible server (vLLM, llama.cpp, Ollama, ...), by the official client.

The server renders its own chat template; what comes back is checked like any other reply. The key, where a server wants
one, is the environment variable ``OPENAI_API_KEY``: a command line can be read by every user of a machine. This module
imports ``openai``, which costs half a second, so it is itself imported only for a served model.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import openai
from torch import Tensor

from agent.model.interface import ANSWER_TOKENS, ModelError, Reply
from agent.model.protocol import Message, ProtocolError, ToolCall, ToolSchema, call_from_payload

TIMEOUT_S = 120.0
"""Longest silence of a server: a large model on a small machine reads a picture for a minute."""
CONNECT_TIMEOUT_S = 10.0
KEY_VARIABLE = "OPENAI_API_KEY"


class ServedVlm:
    """``Vlm`` over ``POST URL/chat/completions``, greedy. A failed request is not sent again: the wearer is waiting.

    Raises ModelError: a key that no header can hold, variables of a proxy or of certificates that cannot be used.
    """

    adapter = None
    backend = "openai"
    recogniser = None

    def __init__(self, model: str, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.base = f"{model}@{url}"
        self._model, self._url = model, url.rstrip("/")
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not (key.isascii() and key.isprintable()):  # a refused header would be quoted, with the key, in the error
            raise ModelError(f"expected a key of printable ASCII in {KEY_VARIABLE}, got other characters")
        # Without a key no header at all: some local servers refuse one that they cannot check.
        self._headers = {} if key else {"Authorization": openai.Omit()}
        timeout = openai.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            self._client = openai.OpenAI(api_key=key or "none", base_url=self._url, max_retries=0, timeout=timeout)
        except (ImportError, OSError, ValueError) as error:  # ALL_PROXY=socks5://..., SSL_CERT_FILE=nowhere, ...
            raise ModelError(f"expected usable proxy and certificate variables, got: {error}") from error

    @classmethod
    def from_spec(cls, spec: str) -> ServedVlm:
        """``openai:MODEL@URL``; the URL is the one that ends in ``/v1``. MODEL may hold an ``@``, the URL none.

        Raises:
            ModelError: another form.
        """
        model, _, url = spec.removeprefix("openai:").rpartition("@")
        if not model or not _is_http(url):
            raise ModelError(f"expected openai:MODEL@URL with an http address, got {spec!r}; the URL ends in /v1")
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
        """See ``agent.model.interface.Vlm.reply``; a Lark grammar cannot be sent to every server and is not.

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
        message = self._message_of(answer)
        call, problem = _call_of(message) if tools else (None, "")
        return Reply(text=_text_of(message), call=call, problem=problem, decode_ms=elapsed_ms)

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """See ``agent.model.interface.Vlm.replies``; one request each."""
        return [self.reply(messages, [picture], grammar=grammar, limit=limit) for picture in pictures]

    def _post(self, body: dict[str, Any]) -> Any:
        """The server's answer as JSON. The client's own reply type is not used: it takes any shape unchecked."""
        create = self._client.chat.completions.with_raw_response.create
        try:
            response = create(**_encodable(body), extra_headers=self._headers)
            return json.loads(response.http_response.content)
        except openai.APIStatusError as error:
            said = " ".join(error.response.text[:300].split())
            raise ModelError(f"expected an answer from {self._url}, got HTTP {error.status_code}: {said}") from error
        except (openai.APIConnectionError, ValueError) as error:
            why = " ".join(str(error.__cause__ or error).split())
            raise ModelError(f"expected an OpenAI-compatible server at {self._url}, got: {why}") from error

    def _message_of(self, answer: Any) -> dict[str, Any]:
        try:
            message = answer["choices"][0]["message"]
        except (KeyError, IndexError, TypeError):
            message = None
        if not isinstance(message, dict):
            raise ModelError(f"expected a chat completion from {self._url}, got {str(answer)[:120]!r}")
        return message


def _is_http(url: str) -> bool:
    """Whether the client takes an address: http or https, a host, a port that can be one, printable characters."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        if ":" in host or host.replace(".", "").isdigit():
            ip_address(host)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and all("!" <= character <= "~" for character in url)


def _encodable(value: Any) -> Any:
    """The same JSON with lone surrogates replaced: a model can write half a pair, and UTF-8 has no form for it."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return value


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


def _text_of(message: dict[str, Any]) -> str:
    """The words of a reply: a string, null, or a list of parts, as servers have it."""
    content = message.get("content") or ""
    parts = content if isinstance(content, list) else [{"text": content}]
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def _call_of(message: dict[str, Any]) -> tuple[ToolCall | None, str]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or len(calls) != 1:
        return None, f"expected one tool call, got {len(calls) if isinstance(calls, list) else repr(calls)[:80]}"
    try:
        return call_from_payload(calls[0].get("function") if isinstance(calls[0], dict) else calls[0]), ""
    except ProtocolError as error:
        return None, str(error)
