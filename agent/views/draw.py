"""A grounded answer drawn on the frame it is about: boxes in view, arrows to what is out of view, a radar, the words.

Pure drawing with Pillow: knows the frame and the answer, nothing of maps or models.
"""

from __future__ import annotations

import math

import torch
from PIL import Image, ImageDraw, ImageFont

from scenes import geometry
from scenes.boxes import corners
from scenes.records import Anchor, Direction, GroundedAnswer
from scenes.types import Camera, Frame

# Corners whose indices differ in one bit share an edge: each bit is one axis of the box (scenes.boxes.CORNER_SIGNS).
EDGES = tuple((a, a | 1 << k) for a in range(8) for k in range(3) if not a & 1 << k)
NEAR_PLANE_M = 0.05
ANCHOR_COLOURS = ((255, 196, 0), (0, 200, 255), (255, 96, 160), (120, 230, 90), (190, 130, 255))
FOREGROUND, BACKGROUND = (255, 255, 255), (16, 18, 24)
STATUS_COLOURS = {"answered": (90, 210, 120), "abstained": (255, 176, 60), "clarify": (90, 180, 255)}
ERROR_COLOUR = (255, 90, 90)


def draw_answer(frame: Frame, answer: GroundedAnswer, question: str = "") -> Image.Image:
    """The frame with the answer on it.

    Anchors whose box reaches into the view are drawn as wireframes with a name tag; the others as an arrow at the
    edge of the image that points the shortest way to turn. A strip below the image holds the words.
    """
    image = Image.fromarray(frame.rgb.numpy()).convert("RGB")
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(size=max(12, frame.camera.height // 26))
    for k, anchor in enumerate(answer.anchors):
        colour = ANCHOR_COLOURS[k % len(ANCHOR_COLOURS)]
        pose = frame.world_from_camera
        shown = pose is not None and _draw_box(draw, font, frame.camera, pose, anchor, colour)
        if not shown and anchor.direction is not None:
            _draw_arrow(draw, font, frame.camera, anchor.direction, _caption(anchor), colour)
    if any(a.direction for a in answer.anchors):
        _draw_radar(draw, frame.camera, answer.anchors)
    return _with_caption(image, answer, question)


def _draw_box(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    camera: Camera,
    world_from_camera: torch.Tensor,
    anchor: Anchor,
    colour: tuple[int, int, int],
) -> bool:
    """Draw a wireframe; False where nothing of it lies inside the image."""
    p_world = corners(anchor.box.to_box())
    p_camera = geometry.transform(geometry.inverse(world_from_camera), p_world)
    segments = [s for a, b in EDGES if (s := _clip_near(p_camera[a], p_camera[b])) is not None]
    lines = [[_to_pixel(camera, p) for p in segment] for segment in segments]
    inside = [p for line in lines for p in line if camera.contains(*p)]
    if not inside and not camera.contains(*_to_pixel(camera, p_camera.mean(0))):
        return False
    if p_camera.mean(0)[2] < NEAR_PLANE_M:
        return False
    for line in lines:
        draw.line([xy for p in line for xy in p], fill=(*colour, 255), width=max(2, camera.height // 200))
    top = min(inside, key=lambda p: p[1]) if inside else _to_pixel(camera, p_camera.mean(0))
    _tag(draw, font, camera, top, _caption(anchor), colour)
    return True


def _clip_near(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The part of a segment in front of the near plane, or None."""
    za, zb = float(a[2]), float(b[2])
    if za < NEAR_PLANE_M and zb < NEAR_PLANE_M:
        return None
    if za < NEAR_PLANE_M:
        return a + (b - a) * ((NEAR_PLANE_M - za) / (zb - za)), b
    if zb < NEAR_PLANE_M:
        return a, b + (a - b) * ((NEAR_PLANE_M - zb) / (za - zb))
    return a, b


def _to_pixel(camera: Camera, p_camera: torch.Tensor) -> tuple[float, float]:
    x, y, z = (float(c) for c in p_camera)
    z = max(z, NEAR_PLANE_M)
    return x / z * camera.fx + camera.cx, y / z * camera.fy + camera.cy


def _caption(anchor: Anchor) -> str:
    name = anchor.label or anchor.object_id
    return f"{name}  {anchor.direction.distance_m:.1f} m" if anchor.direction else name


def _tag(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    camera: Camera,
    at: tuple[float, float],
    text: str,
    colour: tuple[int, int, int],
) -> None:
    """A filled label near a point, kept inside the image."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height, pad = right - left, bottom - top, 4
    x = min(max(at[0] - width / 2, pad), camera.width - width - pad)
    y = min(max(at[1] - height - 3 * pad, pad), camera.height - height - 2 * pad)
    draw.rounded_rectangle((x - pad, y - pad, x + width + pad, y + height + pad), radius=4, fill=(*BACKGROUND, 210))
    draw.text((x - left, y - top), text, font=font, fill=(*colour, 255))


def _draw_arrow(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    camera: Camera,
    direction: Direction,
    caption: str,
    colour: tuple[int, int, int],
) -> None:
    """An arrow at the image edge towards something out of view: the side to turn to, tilted by its elevation."""
    side = 1 if direction.azimuth_deg >= 0 else -1
    tilt = -math.sin(math.radians(direction.elevation_deg)) * camera.height / 3
    size = camera.height / 14
    tip_x = camera.width - size / 2 if side > 0 else size / 2
    y = camera.height / 2 + tilt
    back = tip_x - side * size
    arrow = [(tip_x, y), (back, y - 0.7 * size), (back + side * size / 3, y), (back, y + 0.7 * size)]
    draw.polygon(arrow, fill=(*colour, 255), outline=(*BACKGROUND, 255))
    words = f"{caption}, {abs(direction.azimuth_deg):.0f}° {'right' if side > 0 else 'left'}"
    _tag(draw, font, camera, (back, y - 0.8 * size), words, colour)


def _draw_radar(draw: ImageDraw.ImageDraw, camera: Camera, anchors: tuple[Anchor, ...]) -> None:
    """A view from above in the corner: the wearer in the middle, ahead is up, the wedge is what the camera sees."""
    directions = [a.direction for a in anchors if a.direction]
    reach = max(1.0, max(d.distance_m for d in directions) * 1.15)
    radius = camera.height / 9
    cx, cy = camera.width - radius - 8, radius + 8
    disc = (cx - radius, cy - radius, cx + radius, cy + radius)
    draw.ellipse(disc, fill=(*BACKGROUND, 170), outline=(*FOREGROUND, 160))
    half_fov = math.degrees(math.atan(camera.width / 2 / camera.fx))
    draw.pieslice(disc, -90 - half_fov, -90 + half_fov, fill=(*FOREGROUND, 50))
    draw.ellipse((cx - 3, cy - 3, cx + 3, cy + 3), fill=(*FOREGROUND, 255))
    for k, anchor in enumerate(anchors):
        if anchor.direction is None:
            continue
        d = anchor.direction
        ground = d.distance_m * math.cos(math.radians(d.elevation_deg)) / reach * radius
        x = cx + ground * math.sin(math.radians(d.azimuth_deg))
        y = cy - ground * math.cos(math.radians(d.azimuth_deg))
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(*ANCHOR_COLOURS[k % len(ANCHOR_COLOURS)], 255))


def _with_caption(image: Image.Image, answer: GroundedAnswer, question: str) -> Image.Image:
    """The image above a strip with question, answer and status."""
    font = ImageFont.load_default(size=max(13, image.height // 24))
    small = ImageFont.load_default(size=max(11, image.height // 34))
    head, _, _ = answer.answer.partition("\n")
    status = answer.status if answer.reason is None else f"{answer.status}: {answer.reason.replace('_', ' ')}"
    rows = [(row, font, FOREGROUND) for row in _wrap(head, font, image.width - 24)]
    if question:
        rows.insert(0, (f"“{question}”", small, (170, 176, 190)))
    rows.append((f"{status} · frame {answer.frame.id}", small, STATUS_COLOURS.get(answer.status, ERROR_COLOUR)))
    heights = [sum(f.getbbox("Ag")[1::2]) for _, f, _ in rows]
    strip = Image.new("RGB", (image.width, int(sum(heights)) + 20), BACKGROUND)
    draw, y = ImageDraw.Draw(strip), 8
    for (text, row_font, colour), height in zip(rows, heights, strict=True):
        draw.text((12, y), text, font=row_font, fill=colour)
        y += height
    out = Image.new("RGB", (image.width, image.height + strip.height))
    out.paste(image, (0, 0))
    out.paste(strip, (0, image.height))
    return out


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    rows, row = [], ""
    for word in text.split():
        longer = f"{row} {word}".strip()
        if row and font.getlength(longer) > width:
            rows.append(row)
            row = word
        else:
            row = longer
    return [*rows, row] if row else rows or [""]
