"""Colour and looks, distance, size and fit."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups


def edge(how: str, edge: str, own: str, place: int) -> tuple[str, ...]:
    """Wordings that ask for one edge of a thing: how ``tall`` it is, its ``height``.

    ``own`` is said of this edge only. Its place in the list is given, because that decides the split of all.
    """
    shared = groups(f"""
        how {how} is {{the}}
        what's the {edge} of {{the}}
        tell me the {edge} of {{the}}
        measure the {edge} of {{the}}
        {edge} of {{the}}
        [do you know|can you tell me] how {how} {{the}} is
        how {how} would you say {{the}} is
        what {edge} does {{the}} have
        {{the}}, how {how} is it
        how many centimeters {how} is {{the}}
        is {{the}} {how}
    """)
    return (*shared[:place], own, *shared[place:])


MEASURING: dict[str, tuple[str, ...]] = {
    "color": groups("""
        what color is {the}
        what colour is {the}
        what's the [color|colour] of {the}
        which color does {the} have
        tell me the [color|colour] of {the}
        [do you know|can you tell me] what color {the} is
        {the}, what color is it
        what is {the}'s color
        of what color is {the}
        name the color of {the}
        is {the} red or [blue|green|white|black]
        what shade is {the}
        how would you call the color of {the}
        the color of {the}
        which colour is {the}
    """),
    "describe": groups("""
        describe {the}
        what does {the} look like
        tell me [about|more about] {the}
        what can you say about {the}
        give me [details|information] about {the}
        how does {the} look
        what do you know about {the}
        what is {the} like
        [can you|could you] describe {the} [to me|]
        i want to know more about {the}
        any details on {the}
        info on {the}
        how would you describe {the}
        what kind of thing is {the}
    """),
    "distance": groups("""
        how far is {the}
        how far away is {the}
        what's the distance to {the}
        how far am i from {the}
        how many meters to {the}
        [tell me|do you know] how far {the} is
        how close is {the}
        how close am i to {the}
        distance to {the}
        how [long|far] is it to {the}
        is {the} far [away|]
        how far do i have to [walk|go] to {the}
        measure the distance to {the}
        what is the distance from me to {the}
        how near is {the}
        how much space is between me and {the}
        how many steps away is {the}
    """),
    "distance_two": groups("""
        how far is {the} from {the2}
        how far apart are {the} and {the2}
        what's the distance between {the} and {the2}
        distance from {the} to {the2}
        how close is {the} to {the2}
        measure the distance between {the} and {the2}
        how far is it from {the} to {the2}
        how much space is between {the} and {the2}
        [tell me|do you know] how far {the} is from {the2}
        is {the} close to {the2}
        how many meters between {the} and {the2}
        what is the gap between {the} and {the2}
        {the} and {the2}, how far apart are they
    """),
    "size": groups("""
        how big is {the}
        how large is {the}
        what size is {the}
        what's the size of {the}
        what are the dimensions of {the}
        measure {the}
        tell me the size of {the}
        [do you know|can you tell me] how big {the} is
        give me the [dimensions|measurements] of {the}
        how much space does {the} take
        size of {the}
        is {the} [big|large]
        {the}, how big is it
    """),
    "height": edge("tall", "height", "how high is {the}", 1),
    "width": edge("wide", "width", "how broad is {the}", 10),
    "length": edge("long", "length", "what is the longest side of {the}", 10),
    "fit_on": groups("""
        does {the} fit on {the2}
        will {the} fit on {the2}
        is there room for {the} on {the2}
        can i put {the} on {the2}
        is {the2} big enough for {the}
        would {the} fit on top of {the2}
        can {the} stand on {the2}
        do you think {the} fits on {the2}
        is {the} too big to go on {the2}
        tell me if {the} fits on {the2}
        will {the2} hold {the}
        could i place {the} on {the2}
    """),
    "fit_in": groups("""
        does {the} fit in {the2}
        will {the} fit in {the2}
        is there room for {the} in {the2}
        can i put {the} in {the2}
        would {the} fit inside {the2}
        can {the} go into {the2}
        do you think {the} fits in {the2}
        is {the} too big for {the2}
        tell me if {the} fits into {the2}
        is {the} small enough for {the2}
        could i place {the} in {the2}
        does {the} go inside {the2}
    """),
    "depth": groups("""
        how far is pixel {u} {v}
        what's the depth at {u} {v}
        depth at {u}, {v}
        measure the depth at {u} {v}
        how deep is it at pixel {u}, {v}
        what is the depth of pixel {u} {v}
        how far away is the point {u}, {v}
        tell me the depth at {u} {v}
        distance at pixel {u} {v}
        give me the depth for pixel {u}, {v}
        depth of the image at {u} {v}
        what depth do you have at {u}, {v}
    """),
}
