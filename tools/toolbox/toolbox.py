"""The tools that a model can call: pydantic argument models and ``TOOLS``, a literal tuple.

LangGraph, MCP and the training data all read this one list. ``run_tool`` checks arguments, runs the tool and returns
text, facts and an artifact; it raises only ``ToolError`` for what the model can mend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenes.vocabulary import RelationWord
from tools.errors import ToolError
from tools.toolbox import finding, measuring, remembering
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import ToolResult


class Arguments(BaseModel):
    """Base of all argument models: unknown arguments are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FindObjects(Arguments):
    query: str = Field(description="name with colour or nearest/largest, or 'objects'", max_length=80)
    relation: RelationWord | None = None
    reference: str | None = Field(None, description="object that relation points to", max_length=80)
    room: str | None = Field(None, max_length=40)
    when: Literal["now", "ever", "moved"] | None = None


class Describe(Arguments):
    object: str = Field(description="name, id or 'gaze'", max_length=80)


class WhereIs(Arguments):
    object: str = Field(description="name, id or 'gaze'", max_length=80)


class Measure(Arguments):
    kind: Literal["distance", "size", "width", "height", "length", "fit_on", "fit_in"]
    a: str = Field(description="name, id or 'gaze'", max_length=80)
    b: str | None = Field(None, description="second object; else from the wearer", max_length=80)


class MeasureDepth(Arguments):
    u: float = Field(description="pixel to the right")
    v: float = Field(description="pixel down")


class WhereAmI(Arguments):
    pass


class Look(Arguments):
    target: str = Field(description="name, id or 'gaze'", max_length=80)
    question: str = Field(max_length=120)


class Recall(Arguments):
    query: str = Field(max_length=80)
    when: Literal["first", "last"] | None = None


class RouteTo(Arguments):
    target: str = Field(description="name, id or 'gaze'", max_length=80)


class Remember(Arguments):
    name: str = Field(max_length=40)
    target: str = Field(description="name, id or 'gaze'", max_length=80)


class Forget(Arguments):
    target: str = Field(description="name, id or 'gaze'", max_length=80)


class Annotate(Arguments):
    target: str = Field(description="name, id or 'gaze'", max_length=80)
    text: str = Field(max_length=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool: its name, a short description for the model, its arguments, and what it does."""

    name: str
    description: str
    arguments: type[Arguments]
    function: Callable[..., ToolResult]
    """Called as ``function(context, fact_number, **arguments)``."""


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="find_objects", description="count and list objects", arguments=FindObjects, function=finding.find_objects
    ),
    Tool(name="describe", description="name, colour, size of an object", arguments=Describe, function=finding.describe),
    Tool(name="where_is", description="place and direction of an object", arguments=WhereIs, function=finding.where_is),
    Tool(name="measure", description="distance or size", arguments=Measure, function=measuring.measure),
    Tool(
        name="measure_depth", description="depth at a pixel", arguments=MeasureDepth, function=measuring.measure_depth
    ),
    Tool(name="where_am_i", description="place of the wearer", arguments=WhereAmI, function=finding.where_am_i),
    Tool(name="look", description="look closely at an object", arguments=Look, function=finding.look),
    Tool(name="recall", description="notes from memory", arguments=Recall, function=remembering.recall),
    Tool(name="route_to", description="the way to an object", arguments=RouteTo, function=measuring.route_to),
    Tool(name="remember", description="save a name for an object", arguments=Remember, function=remembering.remember),
    Tool(name="forget", description="delete a saved name", arguments=Forget, function=remembering.forget),
    Tool(name="annotate", description="attach a note to an object", arguments=Annotate, function=remembering.annotate),
)


def find_tool(name: str) -> Tool:
    """The tool of a name; raises ToolError with the choices."""
    for tool in TOOLS:
        if tool.name == name:
            return tool
    raise ToolError("the name of a tool", repr(name), [t.name for t in TOOLS])


def run_tool(name: str, arguments: Mapping[str, Any], context: ToolContext, fact_number: int = 1) -> ToolResult:
    """Check arguments and run a tool.

    ``fact_number`` is the number of the next ``f`` fact of this turn (1 at its start; see ``next_fact_number``).
    Raises ToolError for an unknown tool, bad arguments, or an object id that does not exist.
    """
    tool = find_tool(name)
    try:
        checked = tool.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(x) for x in first["loc"]) or "arguments"
        raise ToolError(
            f"{tool.name} with {where}: {first['msg'].lower()}",
            repr(first["input"])[:80],
            list(tool.arguments.model_fields),
        ) from error
    given = {k: v for k, v in checked if v is not None}
    return tool.function(context, fact_number, **given)


def next_fact_number(fact_number: int, result: ToolResult) -> int:
    """The number to pass to the next ``run_tool`` of the same turn."""
    return fact_number + sum(f.id.startswith("f") for f in result.facts)


def openai_schema(name: str, description: str, arguments: type[BaseModel]) -> dict[str, Any]:
    """One tool in OpenAI form, with titles and ``null`` branches left out: an optional argument is simply not given."""
    schema = arguments.model_json_schema()
    properties = {k: _lean(v) for k, v in schema.get("properties", {}).items()}
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    parameters["required"] = [k for k, f in arguments.model_fields.items() if f.is_required()]
    parameters["additionalProperties"] = False
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


@cache
def _schemas() -> tuple[dict[str, Any], ...]:
    from tools.toolbox.answers import ANSWER_DESCRIPTION, ANSWER_NAME, AnswerArguments

    answer = openai_schema(ANSWER_NAME, ANSWER_DESCRIPTION, AnswerArguments)
    return (*(openai_schema(t.name, t.description, t.arguments) for t in TOOLS), answer)


def tool_schemas() -> list[dict[str, Any]]:
    """OpenAI tool schemas of all tools, the ``answer`` pseudo-tool last."""
    return list(_schemas())


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    branches = [b for b in schema.get("anyOf", ()) if b.get("type") != "null"]
    merged = {**schema, **branches[0]} if len(branches) == 1 else dict(schema)
    for key in ("title", "default") + (("anyOf",) if len(branches) == 1 else ()):
        merged.pop(key, None)
    return merged
