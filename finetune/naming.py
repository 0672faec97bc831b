"""Crops as conversations: a picture, one question, the name and the color or an honest ``unclear``."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agent.protocol import NAME_QUESTION, NAME_SYSTEM
from finetune.augment import augmented
from finetune.crops import CropFile, LabelledCrop
from finetune.data import Chat, Group


@dataclass(frozen=True, slots=True)
class NamingSource:
    """Crops to name; strongly augmented, so that what looks like no training picture is ``unclear``."""

    crops: CropFile
    conversations: int = 20
    augment: bool = True

    def __call__(self, rng: random.Random) -> Group:
        chats = tuple(self._chat(rng) for _ in range(self.conversations))
        return Group(chats=chats, system=NAME_SYSTEM)

    def _chat(self, rng: random.Random) -> Chat:
        crop = self.crops[rng.randrange(len(self.crops))]
        if self.augment:
            crop = augmented(crop, self.crops[rng.randrange(len(self.crops))], rng)
        return naming_chat(crop)


def naming_chat(crop: LabelledCrop) -> Chat:
    """The picture, the question, the caption."""
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": NAME_QUESTION}]}
    said = {"role": "assistant", "content": crop.caption}
    return Chat(messages=(asked, said), images=(crop.image,), family="naming")
