"""Wordings of the families that ``finetune.pointer.families`` adds, split by group as all wordings are."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from scenes.questions.patterns.grammar import groups
from scenes.questions.phrasing import Split, split_of

PATTERNS: dict[str, tuple[str, ...]] = {
    "both_places": groups("""
        where are {the} and {the2}
        where's {the} and where's {the2}
        [find|locate] {the} and {the2}
        i need {the} and also {the2}, where are they
        where did i put {the} and {the2}
        tell me where {the} and {the2} are
        [do you know|any idea] where {the} and {the2} are
        {the} and {the2}, where are they
        i'm looking for {the} and {the2}
        show me {the} and {the2}
        where is {the}, and {the2}
        can you find {the} and {the2} for me
    """),
    "place_and_color": groups("""
        where is {the} and what color is it
        what color is {the} and where is it
        [tell me|say] where {the} is and its color
        find {the} and tell me the color
        i need the place and the color of {the}
        where's {the}, and which color does it have
        where can i find {the} and what colour is it
        the color and the place of {the} please
        where did you see {the} and what color was it
        locate {the} and describe its color
        what's the colour of {the} and where is it now
        which color is {the} and where do i find it
    """),
    "nearer": groups("""
        which is closer, {the} or {the2}
        what is nearer, {the} or {the2}
        is {the} or {the2} closer to me
        [is|would] {the} nearer than {the2}
        which one is nearer to me, {the} or {the2}
        am i closer to {the} or to {the2}
        which of the two is closer, {the} or {the2}
        what's the shorter walk, {the} or {the2}
        {the} or {the2}, which is nearer
        do i have it closer to {the} or {the2}
        tell me which is closer: {the} or {the2}
        compare how far {the} and {the2} are
    """),
    "taller": groups("""
        which is taller, {the} or {the2}
        is {the} taller than {the2}
        what is higher, {the} or {the2}
        is {the} or {the2} taller
        which one is taller, {the} or {the2}
        compare the height of {the} and {the2}
        does {the} stand taller than {the2}
        {the} or {the2}, which is the taller one
        which of them is taller, {the} or {the2}
        tell me if {the} is taller than {the2}
        between {the} and {the2}, which is taller
        is the height of {the} greater than that of {the2}
    """),
    "sizes": groups("""
        which is bigger, {the} or {the2}
        is {the} bigger than {the2}
        compare the sizes of {the} and {the2}
        is {the} larger than {the2}
        what is larger, {the} or {the2}
        is {the} smaller than {the2}
        how do {the} and {the2} compare in size
        {the} or {the2}, which is bigger
        which of them is larger, {the} or {the2}
        how big are {the} and {the2}
        tell me if {the} is bigger than {the2}
        does {the} take more space than {the2}
    """),
    "more_than_one": groups("""
        is there more than one {bare}
        do i have more than one {bare}
        [are there|do you see] several {many}
        is there only one {bare}
        have you seen more than one {bare}
        are there many {many}
        is that the only {bare}
        do you know of a second {bare}
        is there another {bare}
        are there two or more {many}
        did you see more than a single {bare}
        is there just the one {bare}
    """),
    "further": groups("""
        is {the} [more|further] than {n} away
        is {the} further away than {n}
        is it more than {n} to {the}
        do i have to walk more than {n} to {the}
        is {the} over {n} away
        is {the} farther than {n} from me
        would you say {the} is more than {n} away
        is {the} beyond {n}
        tell me if {the} is more than {n} away
        is the distance to {the} more than {n}
        is {the} at least {n} away
        {the}, is that more than {n} from here
    """),
    "within": groups("""
        is {the} within {n}
        is {the} less than {n} away
        is {the} closer than {n}
        is it less than {n} to {the}
        is {the} nearer than {n}
        can i reach {the} in {n}
        is {the} no more than {n} away
        is {the} under {n} away
        tell me if {the} is within {n}
        is the distance to {the} less than {n}
        is {the} inside {n} from me
        {the}, is that within {n}
    """),
    "side": groups("""
        is {the} {side}
        is {the} {side} [right now|]
        do i have {the} {side}
        [can you tell me|tell me] if {the} is {side}
        would {the} be {side}
        {the} is {side}, right
        is it true that {the} is {side}
        so {the} is {side}
        did i leave {the} {side}
        is {the} somewhere {side}
        [do you think|do you know if] {the} is {side}
        could {the} be {side}
    """),
    "turn": groups("""
        which way do i turn for {the}
        should i turn left or right for {the}
        is {the} to my left or to my right
        is {the} in front of me or behind me
        which way should i turn to face {the}
        do i look up or down for {the}
        in which direction do i face for {the}
        what is the direction of {the}
        where do i have to look to see {the}
        which side is {the} on
        on which side of me is {the}
        am i looking the right way for {the}
    """),
    "is_color": groups("""
        is {the} {color}
        is {the} {color} or not
        is the color of {the} {color}
        {the} is {color}, [right|isn't it]
        am i right that {the} is {color}
        does {the} have the color {color}
        would you call {the} {color}
        tell me if {the} is {color}
        [was|is] {the} {color}
        is it true that {the} is {color}
        do i remember right that {the} is {color}
        i think {the} is {color}, is that so
    """),
    "is_in_room": groups("""
        is {the} in {room}
        did i leave {the} in {room}
        {the} is in {room}, right
        have you seen {the} in {room}
        is {the} still in {room}
        tell me if {the} is in {room}
        could {the} be in {room}
        did you see {the} in {room}
        i think {the} is in {room}, is it
        was {the} in {room}
        would i find {the} in {room}
        is it in {room}, {the}
    """),
    "is_on": groups("""
        is {the} {rel} {ref}
        did i leave {the} {rel} {ref}
        is {the} still {rel} {ref}
        {the} is {rel} {ref}, right
        tell me if {the} is {rel} {ref}
        have i put {the} {rel} {ref}
        could {the} be {rel} {ref}
        was {the} {rel} {ref}
        i think {the} is {rel} {ref}, is that so
        would i find {the} {rel} {ref}
        am i right that {the} is {rel} {ref}
        do you see {the} {rel} {ref}
    """),
    "whereabouts_room": groups("""
        which room is {the} in
        what room did i leave {the} in
        in which room did i leave {the}
        in which room can i find {the}
        what room do i have to go to for {the}
        which room do i go to for {the}
        tell me the room where {the} is
        which part of the house is {the} in
        what room would {the} be in
        i only need the room of {the}
        which room has {the}
        do you know what room {the} is in
    """),
    "meant": groups("""
        no, i meant {the}
        no, {the}
        sorry, i mean {the}
        not that, {the}
        no, not that one, {the}
        i said {the}
        actually {the}
        wrong one, i want {the}
        [no|wait], i was asking about {the}
        i was talking about {the}
        oh sorry, {the} i mean
        not this one, i need {the}
    """),
    "meant_color": groups("""
        no, the {color} one
        no, i meant the {color} one
        the {color} one
        sorry, i mean the {color} one
        not that one, the {color} one
        i was asking about the {color} one
        the {color} one please
        actually the {color} one
        [wait|no], the {color} one i mean
        i said the {color} one
        and the {color} one
        what about the {color} one
    """),
    "other_one": groups("""
        the other one
        no, the other one
        not that one, the other one
        i mean the other one
        [sorry|no], i meant the other
        the second one
        the other one please
        no, not this one, the other
        what about the other one
        actually the other one
        and the other one
        [wait|no], the other
    """),
    "first_one": groups("""
        the first one
        the first
        i mean the first one
        the first one please
        the one you said first
        first one
        let's take the first one
        the first of them
        that first one
        number one
        the first one you named
        i want the first one
    """),
}
"""Groups per family; ``[a|b]`` are alternatives."""

_FILLERS = ("uh", "um", "er", "ok", "so", "hey", "well", "like", "please", "hi there", "right", "listen")
_ENDINGS = ("please", "thanks", "now", "can you", "ok", "quick", "if you can", "you know")
_HEARD = (
    ("where is", "wheres"),
    ("what is", "whats"),
    ("which", "witch"),
    ("closer", "closa"),
    ("color", "colour"),
    ("there", "their"),
    ("metres", "meters"),
    ("than", "then"),
    ("are", "r"),
    ("you", "u"),
    ("taller", "tallr"),
    ("to", "too"),
    ("right", "write"),
    ("nearer", "near er"),
)
_SLOT = re.compile(r"(\{\w+\})")
_CHOICE = re.compile(r"\[([^\]]*)\]")


def worded(rng: random.Random, family: str, split: Split, slots: Mapping[str, str]) -> str:
    """A question of a family in words of the split; the texts of the slots are never changed."""
    own = [p for i, p in enumerate(PATTERNS[family]) if split_of(i) == split]
    text = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), rng.choice(own))
    return dressed(rng, " ".join(text.split()), slots)


def dressed(rng: random.Random, text: str, slots: Mapping[str, str], noise: float = 0.35) -> str:
    """A text with slots filled, as it is typed or as a speech recogniser writes it: fillers, typos, no punctuation."""
    if rng.random() < noise:
        text = _mistyped(rng, text) if rng.random() < 0.5 else _misheard(rng, text)
    if rng.random() < 0.15:
        text = f"{rng.choice(_FILLERS)}{rng.choice((',', ''))} {text}"
    if rng.random() < 0.08:
        text = f"{text}{rng.choice((',', ''))} {rng.choice(_ENDINGS)}"
    filled = _SLOT.sub(lambda m: slots[m[1][1:-1]], text)
    if rng.random() < 0.45:
        keep = any(filled.startswith(value) for value in slots.values())
        return (filled if keep else filled[:1].upper() + filled[1:]) + rng.choice(("?", "?", "?", ".", ""))
    return filled


def _misheard(rng: random.Random, text: str) -> str:
    """One word outside the slots as a speech recogniser may write it."""
    parts = _SLOT.split(text)
    heard = [(i, a, b) for i in range(0, len(parts), 2) for a, b in _HEARD if re.search(rf"\b{a}\b", parts[i])]
    if not heard:
        return _mistyped(rng, text)
    i, a, b = rng.choice(heard)
    parts[i] = re.sub(rf"\b{a}\b", b, parts[i], count=1)
    return "".join(parts)


def _mistyped(rng: random.Random, text: str) -> str:
    """One letter outside the slots dropped, doubled, swapped with the next, or a word said twice."""
    parts = _SLOT.split(text)
    even = range(0, len(parts), 2)
    spots = [(i, k) for i in even for k in range(len(parts[i]) - 1) if parts[i][k : k + 2].isalpha()]
    if not spots:
        return text
    i, k = rng.choice(spots)
    part = parts[i]
    words = part.split(" ")
    place = rng.randrange(len(words))
    stuttered = " ".join([*words[: place + 1], *words[place:]]) if words[place] else part
    swapped = part[:k] + part[k + 1] + part[k] + part[k + 2 :]
    parts[i] = rng.choice((part[:k] + part[k + 1 :], part[: k + 1] + part[k:], swapped, stuttered))
    return "".join(parts)
