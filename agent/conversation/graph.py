"""The agent as a LangGraph graph: model -> tools -> ... -> model -> check -> end.

The state is JSON: messages, facts, records, counters, and the id of the asked frame. Pixels and the tool context travel
in the runtime context and are never checkpointed. The rules of the answer contract are enforced here, whatever the
model says: an answer that cites what was not returned, or says a number that no cited line has, is sent back once with
the complaint and then becomes an abstention.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypedDict, cast

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent.conversation.chat_model import SightlineChatModel, canonical_messages
from agent.conversation.turn import (
    Outcome,
    Turn,
    TurnInput,
    checked_outcome,
    fact_from_json,
    fact_to_json,
    to_grounded_answer,
    tools_for,
)
from agent.model.protocol import Message, calls_of, text_of
from agent.model.vlm import ModelError, Vlm
from scenes.records import ModelRef, Timings, ToolCallRecord
from scenes.types import Frame
from tools.errors import ToolError
from tools.toolbox.answers import ANSWER_NAME
from tools.toolbox.context import ToolContext
from tools.toolbox.toolbox import next_fact_number, run_tool

MAX_CALLS = 6
"""Tool calls of a turn; no question of the product needs more than three."""
MAX_COMPLAINTS = 1
"""Answers of a turn that may be sent back."""
HISTORY_TURNS = 2
"""Earlier turns that the model reads: enough for "how far is it?"."""


class AgentState(TypedDict):
    """What a checkpoint would hold."""

    messages: Annotated[list[AnyMessage], add_messages]
    frame_id: int
    facts: Annotated[list[dict[str, Any]], operator.add]
    fact_number: int
    records: Annotated[list[dict[str, Any]], operator.add]
    complaints: int
    prefill_ms: Annotated[float, operator.add]
    decode_ms: Annotated[float, operator.add]
    outcome: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRuntime:
    """What the nodes of the graph need beside the state: the world as the tools see it, and the asked frame."""

    tools: ToolContext
    frame: Frame


Agent: TypeAlias = CompiledStateGraph[AgentState, TurnRuntime, AgentState, AgentState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """A compiled graph and the model inside it."""

    graph: Agent
    model: Vlm


def build_assistant(model: Vlm, *, checkpointer: Any = None) -> Assistant:
    """The graph around a model. ``checkpointer``: any LangGraph saver, to resume a turn elsewhere."""
    chat = SightlineChatModel(vlm=model)

    def ask_model(state: AgentState, runtime: Runtime[TurnRuntime]) -> dict[str, Any]:
        facts = [fact_from_json(raw) for raw in state["facts"]]
        reply = chat.bind_tools(tools_for(facts)).invoke(_with_pixels(state["messages"], runtime.context.frame))
        meta = reply.response_metadata
        return {"messages": [reply], "prefill_ms": meta["prefill_ms"], "decode_ms": meta["decode_ms"]}

    builder = StateGraph(AgentState, context_schema=TurnRuntime)
    builder.add_node("model", ask_model)
    builder.add_node("tools", _use_tool)
    builder.add_node("check", _check)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", _after_model, ["tools", "check"])
    builder.add_conditional_edges("tools", _after_tools, ["model", END])
    builder.add_conditional_edges("check", _after_check, ["model", END])
    return Assistant(graph=builder.compile(checkpointer=checkpointer), model=model)


def answer_question(
    assistant: Assistant,
    question: TurnInput,
    context: ToolContext,
    history: Sequence[Turn] = (),
) -> Turn:
    """One turn, from the question to the grounded answer; a failing model gives status ``error``.

    Raises:
        ValueError: an empty question.
    """
    if not question.text.strip():
        raise ValueError("expected a question in words, got an empty text")
    asked = HumanMessage([{"type": "image", "frame": question.frame.id}, {"type": "text", "text": question.prompt}])
    state: AgentState = {
        "messages": cast("list[AnyMessage]", [*_history_messages(history), asked]),
        "frame_id": question.frame.id,
        "facts": [],
        "fact_number": 1,
        "records": [],
        "complaints": 0,
        "prefill_ms": 0.0,
        "decode_ms": 0.0,
        "outcome": None,
    }
    runtime = TurnRuntime(tools=context, frame=question.frame)
    start = time.perf_counter()
    try:
        # Each call is two steps (model, tools); each complaint two more (check, model).
        limit = 2 * (MAX_CALLS + MAX_COMPLAINTS) + 6
        final = assistant.graph.invoke(state, {"recursion_limit": limit}, context=runtime)
        outcome = Outcome(**final["outcome"])
    except ModelError as error:
        final, outcome = state, Outcome(status="error", text=str(error))
    total_ms = (time.perf_counter() - start) * 1e3
    return _finished_turn(assistant.model, question, context, final, outcome, total_ms)


def _finished_turn(
    model: Vlm, question: TurnInput, context: ToolContext, final: Any, outcome: Outcome, total_ms: float
) -> Turn:
    records = tuple(ToolCallRecord.model_validate(raw) for raw in final["records"])
    tools_ms = sum(record.latency_ms for record in records)
    prefill_ms, decode_ms = final["prefill_ms"], final["decode_ms"]
    timings = Timings(
        prefill=prefill_ms,
        decode=decode_ms,
        tools=tools_ms,
        graph=max(total_ms - prefill_ms - decode_ms - tools_ms, 0.0),
        total=total_ms,
    )
    answer = to_grounded_answer(
        outcome,
        question,
        [fact_from_json(raw) for raw in final["facts"]],
        context,
        calls=records,
        timings=timings,
        model=ModelRef(base=model.base, adapter=model.adapter, backend=model.backend),
    )
    return Turn(answer=answer, messages=_own_messages(final["messages"]))


def _own_messages(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """The messages of the newest turn in canonical form, the picture left out."""
    first = max(i for i, message in enumerate(messages) if isinstance(message, HumanMessage))
    own = [HumanMessage(messages[first].text), *messages[first + 1 :]]
    return tuple(canonical_messages(own)[0])


def _history_messages(history: Sequence[Turn]) -> list[BaseMessage]:
    out: list[BaseMessage] = []
    for turn in history[-HISTORY_TURNS:]:
        for message in turn.messages:
            if message["role"] == "user":
                out.append(HumanMessage(text_of(message)))
            elif message["role"] == "tool":
                call_id = message.get("tool_call_id", "")
                out.append(ToolMessage(message["content"], tool_call_id=call_id, name=message["name"]))
            else:
                calls = [
                    {"name": call.name, "args": call.arguments, "id": f"past_{len(out)}", "type": "tool_call"}
                    for call in calls_of(message)
                ]
                out.append(AIMessage(text_of(message), tool_calls=calls))
    return out


def _with_pixels(messages: Sequence[BaseMessage], frame: Frame) -> list[BaseMessage]:
    """Messages for the model: the frame's id becomes its picture."""
    out: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, HumanMessage) and isinstance(message.content, list):
            parts: list[str | dict[Any, Any]] = [
                {"type": "image", "image": frame.rgb} if isinstance(p, dict) and p.get("frame") == frame.id else p
                for p in message.content
            ]
            out.append(HumanMessage(content=parts))
        else:
            out.append(message)
    return out


def _last_reply(state: AgentState) -> AIMessage:
    reply = state["messages"][-1]
    if not isinstance(reply, AIMessage):
        raise TypeError(f"expected a reply of the model, got {type(reply).__name__}")
    return reply


def _after_model(state: AgentState) -> Literal["tools", "check"]:
    calls = _last_reply(state).tool_calls
    return "tools" if calls and calls[0]["name"] != ANSWER_NAME else "check"


def _use_tool(state: AgentState, runtime: Runtime[TurnRuntime]) -> dict[str, Any]:
    """Run the call; what the model can mend goes back to it as the tool's result."""
    call = _last_reply(state).tool_calls[0]
    start = time.perf_counter()
    number, facts, artifact, error = state["fact_number"], [], None, None
    try:
        result = run_tool(call["name"], call["args"], runtime.context.tools, number)
        text, artifact = result.text, dict(result.artifact) or None
        facts, number = [fact_to_json(fact) for fact in result.facts], next_fact_number(number, result)
    except ToolError as problem:
        text = error = f"error: {problem}"
    record = ToolCallRecord(
        name=call["name"],
        arguments=call["args"],
        result=text,
        artifact=artifact,
        latency_ms=(time.perf_counter() - start) * 1e3,
        error=error,
    )
    update: dict[str, Any] = {
        "messages": [ToolMessage(text, tool_call_id=call["id"] or "", name=call["name"])],
        "records": [record.model_dump()],
        "facts": facts,
        "fact_number": number,
    }
    if len(state["records"]) + 1 >= MAX_CALLS:
        gave_up = Outcome(status="abstained", reason="unsupported", text="I could not work that out.")
        update["outcome"] = asdict(gave_up)
    return update


def _after_tools(state: AgentState) -> str:
    return END if state["outcome"] else "model"


def _check(state: AgentState) -> dict[str, Any]:
    """Accept the answer, send it back with the complaint, or abstain."""
    reply = _last_reply(state)
    call = reply.tool_calls[0] if reply.tool_calls else None
    if call is None:
        verdict: Outcome | str = reply.response_metadata.get("problem") or "expected a tool call."
    else:
        verdict = checked_outcome(call["args"], [fact_from_json(raw) for raw in state["facts"]])
    if isinstance(verdict, Outcome):
        return {"outcome": asdict(verdict)}
    if state["complaints"] >= MAX_COMPLAINTS:
        unproven = Outcome(status="abstained", reason="unsupported", text="I could not find support for an answer.")
        return {"outcome": asdict(unproven)}
    complaint = ToolMessage(f"error: {verdict}", tool_call_id=(call and call["id"]) or "", name=ANSWER_NAME)
    return {"messages": [complaint], "complaints": state["complaints"] + 1}


def _after_check(state: AgentState) -> str:
    return END if state["outcome"] else "model"
