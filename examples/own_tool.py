"""A tool of your own beside those of the toolbox.

    python examples/own_tool.py                      # on the true scene graph of a generated world
    python examples/own_tool.py my-map               # on a map
    python examples/own_tool.py --vlm embedded       # let a model choose among all tools, too

A tool is a pydantic model of its arguments and a function from (context, number of the next fact, arguments) to a
``ToolResult``: short lines for the model, each with an id that an answer can cite, and typed values for the program.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import Field

from scenes.records import TypedValue
from scenes.types import SceneGraph
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.results import miss_result, result_of
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import TOOLS, Arguments, Tool, openai_schema


class Tallest(Arguments):
    """What the model may write; names, types and descriptions become the JSON schema that it reads."""

    name: str = Field(description="name of things, or 'objects' for all", max_length=80)


def tallest(context: ToolContext, fact_number: int, name: str) -> ToolResult:
    """The highest thing of a name. Sizes are metres, Y is up; a missing thing is said, never raised."""
    present = [thing for thing in context.graph.objects.values() if thing.present]
    fitting = [thing for thing in present if name == "objects" or name in thing.label]
    if not fitting:
        return miss_result(Miss(reason="never_seen", asked=name, clause=f"anything called {name}"))
    best = max(fitting, key=lambda thing: thing.box.size[1])
    height_m = round(best.box.size[1], 2)
    fact = Fact(
        id=best.id,
        role="size",
        text=f"the {best.label or 'thing without a name'} is {height_m} metres tall",
        value=TypedValue(kind="length_m", value=height_m, unit="m"),
        object_ids=(best.id,),
    )
    return result_of(fact)


MY_TOOLS = (*TOOLS, Tool(name="tallest", description="the tallest object", arguments=Tallest, function=tallest))


def call(context: ToolContext, name: str, arguments: dict[str, object]) -> ToolResult:
    """Check arguments and run one of ``MY_TOOLS``, as the assistant does with its own."""
    tool = next(tool for tool in MY_TOOLS if tool.name == name)
    checked = tool.arguments.model_validate(arguments)
    return tool.function(context, 1, **{key: value for key, value in checked if value is not None})


def graph_of(map_folder: Path | None, seed: int) -> SceneGraph:
    """What a map knows, or everything that stands in a generated world."""
    if map_folder is None:
        from scenes.worlds.world import make_world

        return make_world(seed, rooms=3).scene_graph()
    from agent.maps.map_store import MapStore

    with MapStore.open(map_folder) as store:
        return store.builder.snapshot()


def main() -> None:
    """Call the tool; show what a model reads of it, and what a model would call."""
    parser = argparse.ArgumentParser(description="A tool of your own beside those of the toolbox.")
    parser.add_argument("map", type=Path, nargs="?", help="a map's folder; default: a generated world")
    parser.add_argument("--seed", type=int, default=7, help="of the generated world")
    parser.add_argument("--name", default="objects")
    parser.add_argument("--vlm", metavar="SPEC", help="a model that chooses a tool for a question in words")
    args = parser.parse_args()

    from agent.model.protocol import signature, user_message

    schemas = [openai_schema(tool.name, tool.description, tool.arguments) for tool in MY_TOOLS]
    print(f"a model reads: {signature(schemas[-1])}")
    context = SnapshotContext(graph=graph_of(args.map, args.seed))
    result = call(context, "tallest", {"name": args.name})
    print(f"tallest({args.name}) -> {result.text}")
    for fact in result.facts:
        print(f"  for a program: {fact.value}, of {', '.join(fact.object_ids)}")
    if args.vlm is not None:
        from agent.model.vlm import load_vlm

        reply = load_vlm(args.vlm).reply([user_message("Which thing is the tallest?", images=0)], [], schemas)
        print(f"{args.vlm} chooses {reply.call or reply.problem}")


if __name__ == "__main__":
    main()
