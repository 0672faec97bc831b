"""Crops as conversations: a picture, a question, and the name and colour, or ``unclear`` where there is none to say."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agent.model.protocol import NAME_QUESTION, NAME_SYSTEM, UNCLEAR
from finetune.language.data import Chat, Group
from finetune.language.words import with_article
from finetune.vision.augment import augmented
from finetune.vision.crops import CropFile, LabelledCrop

COLOR_QUESTIONS = ("what color is it?", "which color is this?", "what color is that thing?", "its color?")
THING_QUESTIONS = ("what is this?", "what is it?", "what is that thing?", "what does it show?", "which thing is this?")


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
        style = rng.random()
        if style < 0.7:
            return naming_chat(crop)
        return naming_chat(crop, rng.choice(COLOR_QUESTIONS if style < 0.85 else THING_QUESTIONS))


def naming_chat(crop: LabelledCrop, question: str = NAME_QUESTION) -> Chat:
    """The picture, a question, what a person would say."""
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    if question in COLOR_QUESTIONS:
        text = crop.color or UNCLEAR
    elif question in THING_QUESTIONS:
        text = with_article(crop.name) if crop.name else UNCLEAR
    else:
        text = crop.caption
    return Chat(messages=(asked, {"role": "assistant", "content": text}), images=(crop.image,), family="naming")
