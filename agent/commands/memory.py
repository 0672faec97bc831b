"""Commands on a map's memory: find, export, forget, edit, keep. Imports nothing heavy until one runs."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.commands.memory_arguments import age, count, span, sphere
from agent.commands.plans import redraw_plan
from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.maps.map_store import MapStore
    from scenes.types import SceneObject
    from tools.memory.joint_search import JointAnswer

FORMATS = ("dsg-json", "text", "ply")
CHOICES_SHOWN = 8
_TEXT_ID = re.compile(r"n(\d+)")


def add_commands(commands: Any) -> None:
    """Add this module's commands to the subparsers of the command line."""
    find = commands.add_parser("find", help="search a map's memory, and say why each candidate matched or failed")
    find.add_argument("map", type=Path, metavar="DIR")
    find.add_argument("query", help='e.g. "red mug on the table", "something to drink from", "objects"')
    find.add_argument("--room", default="", metavar="NAME")
    find.add_argument("--seen", type=span, metavar="FROM:TO", help="seen in this span of capture time, seconds")
    find.add_argument("--near", type=sphere, metavar="X,Y,Z,R", help="within R metres of a point of the map")
    find.add_argument("--json", action="store_true", help="print one JSON object")
    find.set_defaults(run=run_find)

    export = commands.add_parser("export", help="a map for other programs, or for a person to read")
    export.add_argument("map", type=Path, metavar="DIR")
    export.add_argument("--format", choices=FORMATS, default="text", help="dsg-json opens in Spark-DSG 1.1")
    export.add_argument("--out", type=Path, metavar="FILE", help="default: the terminal")
    export.set_defaults(run=run_export)

    forget = commands.add_parser("forget", help="remove a thing, a text, a time span or the whole map, for good")
    forget.add_argument("map", type=Path, metavar="DIR")
    forget.add_argument("what", nargs="?", help="a name, an object id (o12) or a text's number (n3)")
    forget.add_argument("--span", type=span, metavar="FROM:TO", help="what was seen or said then, seconds")
    forget.add_argument("--all", action="store_true", help="the whole map; needs --yes")
    forget.add_argument("--yes", action="store_true", help="do not ask again")
    forget.add_argument("--undo", action="store_true", help="bring back what the last turn of a conversation forgot")
    forget.set_defaults(run=run_forget)

    edit = commands.add_parser("edit", help="rename a thing, or change the words of a note")
    edit.add_argument("map", type=Path, metavar="DIR")
    edit.add_argument("what", help="a name, an object id (o12) or a text's number (n3)")
    edit.add_argument("words", help="the new name or text")
    edit.set_defaults(run=run_edit)

    keep = commands.add_parser("keep", help="limits of a map's memory; they stay with the map")
    keep.add_argument("map", type=Path, metavar="DIR")
    keep.add_argument("--max-age", type=age, metavar="AGE", help="of frames, captions, turns: e.g. 30d, 12h; none")
    keep.add_argument("--max-keyframes", type=count, metavar="N", help="a number, or none")
    keep.add_argument("--max-mb", type=count, metavar="N", help="size of the memory file, or none")
    keep.add_argument("--thumbnails", choices=("yes", "no"), help="whether frames are kept as small pictures")
    keep.set_defaults(run=run_keep)


# ---- commands


def run_find(args: argparse.Namespace) -> int:
    """Search the scene graph and the texts for a query."""
    from agent.maps.map_store import MapStore
    from tools.memory.joint_search import search_both
    from tools.search.queries import Region

    region = None if args.near is None else Region(center=args.near[:3], radius_m=args.near[3])
    with MapStore.open(args.map) as store:
        graph = store.builder.snapshot()
        answer = search_both(graph, store.memory, args.query, room=args.room, seen_s=args.seen, region=region)
    print(json.dumps(_answer_record(answer)) if args.json else _answer_text(answer))
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write a map in another form."""
    from agent.maps.map_store import MapStore
    from tools.memory.graph_export import ply_bytes, readable

    if args.format == "ply" and args.out is None:
        raise InputError("expected --out FILE.ply with --format ply, got none; a mesh does not go to the terminal")
    with MapStore.open(args.map) as store:
        graph, texts = store.builder.snapshot(), store.memory.texts(limit=1_000_000)
        if args.format == "ply":
            content = ply_bytes(store.surface.mesh())
        elif args.format == "text":
            content = readable(graph, texts).encode()
        else:
            content = (json.dumps(store.memory.export(graph), allow_nan=False) + "\n").encode()
    if args.out is None:
        print(content.decode(), end="")
        return 0
    try:
        args.out.write_bytes(content)
    except OSError as error:
        raise InputError(f"{args.out}: cannot write the export: {error.strerror or error}") from error
    return 0


def run_forget(args: argparse.Namespace) -> int:
    """Remove something for good, or bring back what the last turn forgot."""
    from agent.maps.map_header import LAST_FRAME
    from agent.maps.map_store import MapStore

    ways = [args.what is not None, args.span is not None, args.all, args.undo]
    if sum(ways) != 1:
        raise InputError("expected one of WHAT, --span, --all and --undo, got " + ("several" if any(ways) else "none"))
    if args.all and not args.yes:
        raise InputError(f"expected --yes with --all: it removes the whole map at {args.map}")
    with MapStore.open(args.map) as store:
        if args.undo:
            from agent.conversation.undo import bring_back

            done = f"brought back: {', '.join(bring_back(store))}"
            store.save_graph()
        elif args.all:
            store.memory.forget_all()
            done = f"forgot the map {store.header.map_id}"
        elif args.span is not None:
            gone = store.memory.forget_span(*args.span)
            shutil.rmtree(store.folder / LAST_FRAME, ignore_errors=True)
            done = f"forgot {gone} entries between {args.span[0]:g} s and {args.span[1]:g} s"
        else:
            done = f"forgot {_forget_one(store, args.what)}"
        store.memory.purge()
    if args.all:
        shutil.rmtree(args.map)
    else:
        redraw_plan(args.map)
    print(done)
    return 0


def run_edit(args: argparse.Namespace) -> int:
    """Rename a thing, or change the words of a note."""
    from agent.maps.map_store import MapStore
    from tools.errors import ToolError

    with MapStore.open(args.map) as store:
        number = _TEXT_ID.fullmatch(args.what)
        if number:
            store.memory.edit_text(int(number[1]), args.words)
        else:
            thing = _one_thing(store, args.what)
            try:
                store.builder.teach(thing.id, args.words)
            except ToolError as error:  # taken, empty or too long: the user's to mend
                raise InputError(str(error)[0].lower() + str(error)[1:]) from error
            store.save_graph()
    redraw_plan(args.map)
    print(f"{args.what}: {args.words}")
    return 0


def run_keep(args: argparse.Namespace) -> int:
    """Show or set limits."""
    from dataclasses import asdict, replace

    from agent.maps.map_store import MapStore

    with MapStore.open(args.map) as store:
        limits = store.memory.retention
        given: dict[str, Any] = {}
        if args.max_age is not None:
            given["max_age_s"] = None if args.max_age < 0 else args.max_age
        if args.max_keyframes is not None:
            given["max_keyframes"] = None if args.max_keyframes < 0 else args.max_keyframes
        if args.max_mb is not None:
            given["max_bytes"] = None if args.max_mb < 0 else args.max_mb * 1_000_000
        if args.thumbnails is not None:
            given["thumbnails"] = args.thumbnails == "yes"
        gone = store.memory.retain(replace(limits, **given), store.builder.time_s) if given else 0
        print(json.dumps(asdict(store.memory.retention)))
    if given:
        print(f"{gone} entries or pictures went")
    return 0


# ---- pieces


def _forget_one(store: MapStore, what: str) -> str:
    number = _TEXT_ID.fullmatch(what)
    if number:
        if not store.memory.forget_text(int(number[1])):
            raise InputError(f"expected the number of a note, caption or turn, got {what}; see `sightline export`")
        return f"text {what}"
    thing = _one_thing(store, what)
    store.save_graph()
    store.memory.forget_object(thing.id)
    store.builder.forget(thing.id)
    store.save_graph()
    return f"{thing.label or 'the unnamed thing'} ({thing.id})"


def _one_thing(store: MapStore, what: str) -> SceneObject:
    """The thing with this id or name. Raises InputError: none (with what there is), or several (with their ids)."""
    from tools.search.name_matching import parse_query
    from tools.search.queries import search

    graph = store.builder.snapshot()
    if what in graph.objects:
        return graph.objects[what]
    found = search(graph, parse_query(what), when="ever").matches if what.strip() else ()
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f'"{what}" is several things: {_listed(list(found))}; say which by its id')
    known = _listed([o for o in graph.objects.values() if o.label]) or "nothing with a name"
    raise InputError(f'expected a thing of this map, got "{what}", which it does not have; it has {known}')


def _listed(things: list[SceneObject]) -> str:
    shown = ", ".join(f"{o.id} {o.label or 'unnamed'}" for o in things[:CHOICES_SHOWN])
    return shown + (f" and {len(things) - CHOICES_SHOWN} more" if len(things) > CHOICES_SHOWN else "")


def _answer_record(answer: JointAnswer) -> dict[str, Any]:
    from tools.memory.graph_export import text_record

    selection = answer.selection
    return {
        "query": selection.query.text,
        "reason": answer.reason,
        "unknown_reference": selection.unknown_reference,
        "matches": [{"id": o.id, "label": o.label, "why": selection.why(o)} for o in selection.matches],
        "rejected": [{"id": r.object.id, "label": r.object.label, "why": r.reason} for r in selection.rejected],
        "texts": [text_record(t) for t in answer.texts],
        "disagreement": answer.disagreement,
    }


def _answer_text(answer: JointAnswer) -> str:
    selection = answer.selection
    lines = [f"{o.id} {o.label or 'unnamed'}: {selection.why(o)}" for o in selection.matches]
    if not lines:
        lines = [f"none: {(answer.reason or 'never_seen').replace('_', ' ')}"]
    if selection.unknown_reference:
        lines.append(f'nothing is called "{selection.unknown_reference}"')
    lines += [f"  not {r.object.id} {r.object.label or 'unnamed'}: {r.reason}" for r in selection.rejected]
    lines += [f"  {t.kind} n{t.id}, {t.time_s:.1f} s: " + t.text.replace("\n", " -> ") for t in answer.texts]
    if answer.disagreement:
        lines.append(f"the memories disagree: {answer.disagreement}")
    return "\n".join(lines)
