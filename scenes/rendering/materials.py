"""Materials: how a face's colour varies over its surface, how glossy it is, whether it shines by itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A finish beyond its colour."""

    name: str
    texture: str
    """Kind of texture layer, see ``scenes.rendering.textures``."""
    tile_m: float
    """Edge length of one texture tile."""
    gloss: float = 0.0
    """Strength of the highlight, 0..1; depth sensors fail on glossy faces."""
    emission: float = 0.0
    """Share of the colour that is seen without any light."""


MATERIALS = (
    Material(name="plain", texture="speckle", tile_m=1.5),
    Material(name="ceramic", texture="speckle", tile_m=2.5, gloss=0.5),
    Material(name="metal", texture="brushed", tile_m=1.0, gloss=0.6),
    Material(name="plastic", texture="speckle", tile_m=2.0, gloss=0.25),
    Material(name="wood", texture="wood", tile_m=1.2, gloss=0.08),
    Material(name="fabric", texture="weave", tile_m=0.5),
    Material(name="knit", texture="stripes", tile_m=0.6),
    Material(name="wicker", texture="wicker", tile_m=0.4),
    Material(name="paper", texture="print", tile_m=0.35),
    Material(name="leaf", texture="leaf", tile_m=0.4, gloss=0.1),
    Material(name="screen", texture="screen", tile_m=0.7, gloss=0.5, emission=0.5),
    Material(name="art_a", texture="art_a", tile_m=0.9),
    Material(name="art_b", texture="art_b", tile_m=1.1),
    Material(name="art_c", texture="art_c", tile_m=0.8),
    Material(name="glow", texture="flat", tile_m=1.0, emission=0.9),
    Material(name="sky", texture="sky", tile_m=3.0, gloss=0.4, emission=0.85),
    Material(name="plaster", texture="plaster", tile_m=2.6),
    Material(name="wallpaper", texture="wallpaper", tile_m=1.6),
    Material(name="brick", texture="brick", tile_m=1.8),
    Material(name="tiles", texture="tiles", tile_m=2.4, gloss=0.2),
    Material(name="planks", texture="planks", tile_m=3.2, gloss=0.08),
    Material(name="carpet", texture="carpet", tile_m=1.3),
    Material(name="rug", texture="rug", tile_m=1.7),
    Material(name="mirror", texture="flat", tile_m=1.0, gloss=0.9),
)

MATERIAL_INDEX = {material.name: index for index, material in enumerate(MATERIALS)}
