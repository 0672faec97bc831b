"""A served model gets tools and pictures over HTTP, and what it says is checked."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import torch
from PIL import Image

from agent.model.interface import ModelError
from agent.model.protocol import ToolCall, call_message, tool_message, user_message
from agent.model.vlm import load_vlm
from tools.toolbox.toolbox import tool_schemas

PICTURE = torch.arange(8 * 6 * 3).reshape(6, 8, 3).to(torch.uint8)


class Server:
    """A scripted chat-completions endpoint on loopback."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: list[tuple[int, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers["Authorization"]
                outer.requests.append({"path": self.path, "key": key, **json.loads(body)})
                status, answer = outer.answers.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, daemon=True)
    thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()


def completion(*calls: tuple[str, str]) -> tuple[int, Any]:
    entries = [{"id": "c", "type": "function", "function": {"name": n, "arguments": a}} for n, a in calls]
    return 200, {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": entries}}]}


def test_tools_pictures_and_calls_go_over_the_wire(server: Server) -> None:
    server.answers = [completion(("where_is", '{"object": "mug"}'))]
    past = ToolCall(name="describe", arguments={"object": "mug"})
    messages = [user_message("what is it?"), call_message(past, "c0"), tool_message("describe", "o1 the mug", "c0")]
    reply = load_vlm(f"openai:some-model@{server.url}").reply(messages, [PICTURE], tool_schemas())
    assert reply.call == ToolCall(name="where_is", arguments={"object": "mug"})
    sent = server.requests[0]
    assert (sent["path"], sent["model"], sent["temperature"]) == ("/v1/chat/completions", "some-model", 0)
    assert [tool["function"]["name"] for tool in sent["tools"]] == [t["function"]["name"] for t in tool_schemas()]
    url = sent["messages"][0]["content"][0]["image_url"]["url"]
    shown = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
    assert list(shown.tobytes()) == PICTURE.flatten().tolist()
    wire_call = sent["messages"][1]["tool_calls"][0]
    assert json.loads(wire_call["function"]["arguments"]) == {"object": "mug"}
    assert sent["messages"][2]["tool_call_id"] == wire_call["id"] == "c0"


@pytest.mark.parametrize("calls", [[], [("a", "{}"), ("b", "{}")], [("a", "{broken")]])
def test_anything_but_one_call_is_a_problem_not_a_guess(server: Server, calls: list[tuple[str, str]]) -> None:
    server.answers = [completion(*calls)]
    reply = load_vlm(f"openai:m@{server.url}").reply([user_message("x", images=0)], [], tool_schemas())
    assert reply.call is None
    assert reply.problem.startswith("expected")


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"error": "no such model"}),
        (401, {"error": {"message": "wrong key"}}),
        (429, {"error": "too many"}),
        (503, b"<html>\n<body>loading</body>\n</html>"),
        (200, {"odd": 1}),
        (200, {"error": {"message": "model\nnot found"}}),
        (200, {"choices": []}),
        (200, {"choices": None}),
        (200, {"choices": [{"message": None}]}),
        (200, {"choices": [{"message": "words"}]}),
        (200, [1, 2]),
        (200, b"<html>proxy login</html>"),
        (200, b'{"choices": ['),
        (200, b""),
        (200, b"\xff\xfe\xfa"),
    ],
)
def test_a_bad_answer_is_one_line_and_asked_once(server: Server, answer: tuple[int, Any]) -> None:
    server.answers = [answer]
    with pytest.raises(ModelError, match="expected") as caught:
        load_vlm(f"openai:m@{server.url}").reply([user_message("x", images=0)])
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "spec",
    [
        *("openai:m", "openai:@http://x/v1", "openai:m@ftp://x", "openai:m@http://", "openai:m@http://x:port/v1"),
        *(
            "openai:m@http://x:99999/v1",
            "openai:m@http://[::1/v1",
            "openai:m@http://999.1.1.1/v1",
            "openai:m@http://a b",
        ),
    ],
)
def test_a_malformed_address_is_refused(spec: str) -> None:
    with pytest.raises(ModelError, match="expected openai:MODEL@URL"):
        load_vlm(spec)


def test_the_name_of_a_model_may_hold_an_at_sign(server: Server) -> None:
    server.answers = [completion(("where_am_i", "{}"))]
    vlm = load_vlm(f"openai:maker/model@2026-11@{server.url}")
    vlm.reply([user_message("x", images=0)], [], tool_schemas())
    assert server.requests[0]["model"] == "maker/model@2026-11"
    assert vlm.base == f"maker/model@2026-11@{server.url}"


@pytest.mark.parametrize(
    ("key", "header"), [("sk-test", "Bearer sk-test"), ("sk-test\n", "Bearer sk-test"), (None, None)]
)
def test_the_key_is_the_environments_and_without_one_no_header_goes_out(
    server: Server, monkeypatch: pytest.MonkeyPatch, key: str | None, header: str | None
) -> None:
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    server.answers = [completion(("where_am_i", "{}"))]
    load_vlm(f"openai:m@{server.url}").reply([user_message("x", images=0)])
    assert server.requests[0]["key"] == header


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\nX-Other: 1")
    with pytest.raises(ModelError, match="OPENAI_API_KEY") as refused:
        load_vlm(f"openai:m@{server.url}")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", "socks5://127.0.0.1:9"), ("SSL_CERT_FILE", "/does/not/exist")]
)
def test_an_environment_that_the_client_cannot_use_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ModelError, match="expected") as refused:
        load_vlm("openai:m@http://127.0.0.1:9/v1").reply([user_message("x", images=0)])
    assert "\n" not in str(refused.value)


def test_half_of_a_surrogate_pair_that_a_model_wrote_can_be_sent_back(server: Server) -> None:
    server.answers = [completion(("recall", '{"query": "sofa \\ud83d"}')), completion(("where_am_i", "{}"))]
    vlm = load_vlm(f"openai:m@{server.url}")
    call = vlm.reply([user_message("x", images=0)], [], tool_schemas()).call
    assert call is not None
    vlm.reply([user_message("x", images=0), call_message(call, "c0"), tool_message("recall", "none", "c0")])
    arguments = server.requests[1]["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"query": "sofa \ufffd"}


def test_a_silent_server_is_one_line() -> None:
    with pytest.raises(ModelError, match="expected an OpenAI-compatible server"):
        load_vlm("openai:m@http://127.0.0.1:9/v1").reply([user_message("x", images=0)])
