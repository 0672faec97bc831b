"""A contact sheet of generated questions: the asked frame, the gaze, the question and its gold answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw

from scenes.questions.visits import Visit, make_visit
from scenes.records import Question
from scenes.rendering.render import HEAD_CAMERA
from scenes.worlds.world import make_world

TILE = HEAD_CAMERA.resized(320, 240)
TEXT_PX = 94
LINE_CHARS = 50


def write_sheet(out: Path, questions: Sequence[Question], count: int = 12, seed: int = 0) -> None:
    """Draw up to ``count`` questions, four a row, families first seen first."""
    chosen = _one_of_each_family(questions, count, seed)
    rows = -(-len(chosen) // 4)
    sheet = Image.new("RGB", (4 * TILE.width, max(rows, 1) * (TILE.height + TEXT_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    visits: dict[tuple[int, int], Visit] = {}
    for k, q in enumerate(chosen):
        key = (q.world_seed, q.visit)
        if key not in visits:
            visits[key] = make_visit(make_world(q.world_seed), q.visit)
        x, y = k % 4 * TILE.width, k // 4 * (TILE.height + TEXT_PX)
        sheet.paste(_picture(visits[key], q), (x, y))
        for i, line in enumerate(_caption(q)):
            draw.text((x + 4, y + TILE.height + 2 + 15 * i), line, fill="black")
    sheet.save(out)


def _picture(visit: Visit, question: Question) -> Image.Image:
    pose = visit.walk.world_from_camera[question.frame_id]
    picture = Image.fromarray(visit.world_at(question.frame_id).renderer().render(TILE, pose).frame.rgb.numpy())
    if question.gaze_px:
        u, v = (c * TILE.width / HEAD_CAMERA.width for c in question.gaze_px)
        draw = ImageDraw.Draw(picture)
        draw.ellipse((u - 6, v - 6, u + 6, v + 6), outline="red", width=2)
    return picture


def _caption(q: Question) -> list[str]:
    gold = q.reason or (f"{q.value.value} {q.value.unit or ''}" if q.value else q.status)
    calls = "; ".join(f"{c.name}({', '.join(map(str, c.arguments.values()))})" for c in q.trace)
    where = f"world {q.world_seed}, visit {q.visit}, frame {q.frame_id}: {' '.join(q.objects)}"
    question = wrap(f"{q.family}: {q.text}", LINE_CHARS)
    asked = [*question[:1], _clip(" ".join(question[1:]))]
    return [*asked, _clip(f"= {gold}"), _clip(calls), _clip(where)]


def _clip(text: str, limit: int = LINE_CHARS) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _one_of_each_family(questions: Sequence[Question], count: int, seed: int) -> list[Question]:
    order = list(questions)
    random.Random(seed).shuffle(order)
    first: dict[str, Question] = {}
    for q in order:
        first.setdefault(q.family, q)
    rest = [q for q in order if first[q.family] is not q]
    return [*first.values(), *rest][:count]
