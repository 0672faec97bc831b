"""Asked after another turn: the thing is known from the conversation."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

FOLLOW_UPS: dict[str, tuple[str, ...]] = {
    "it_distance": groups("""
        [and|] how far is it
        how far away is it
        how far is that from me
        and the distance
        what's the distance to it
        how many meters
        is it far
        how close is it
        and how far away
        ok how far
        how far do i have to go
        so how far is it from here
    """),
    "it_color": groups("""
        [and|] what color is it
        what colour is it
        and its color
        which color does it have
        what's the color of it
        and the colour
        what shade is it
        tell me its color
        what color does it have
        do you know its colour
        ok and what color
        and what's its color
    """),
    "it_size": groups("""
        [and|] how big is it
        how large is it
        what size is it
        and its size
        what are its dimensions
        is it big
        measure it
        tell me its size
        how big would it be
        and how large
        what's the size of it
        ok and how big
    """),
    "it_where": groups("""
        [and|] where is it
        where is it now
        where's that
        which way is it
        so where is it
        ok where
        and where can i find it
        tell me where it is
        where can i find it
        in which direction
        where did you see it
        show me where it is
    """),
    "it_forget": groups("""
        forget it
        forget that
        delete it
        please forget it again
        remove it from memory
        you can forget that
        ok now forget it
        erase it
        don't remember it
        drop it from memory
        forget about it
        no, forget it
    """),
    "also": groups("""
        and {the}
        what about {the}
        how about {the}
        and what about {the}
        ok and {the}
        same for {the}
        and {the} then
        now {the}
        and where's {the}
        also {the}
        {the} too
        and for {the}
    """),
    "choose": groups("""
        {choice}
        {choice} please
        i mean {choice}
        {choice}, i think
        no, {choice}
        i want {choice}
        it's {choice}
        let's say {choice}
        take {choice}
        {choice} of course
        sorry, {choice}
        the other, {choice}
    """),
}
