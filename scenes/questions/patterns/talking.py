"""What has changed, small talk, and what no glasses can do."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

TALKING: dict[str, tuple[str, ...]] = {
    "moved": groups("""
        what has moved
        what moved
        did anything move
        what changed [here|]
        what is different [now|here|]
        has anything been moved
        which things have moved
        what has changed since [before|last time]
        is anything missing
        what is no longer where it was
        tell me what has changed
        what things are gone
        did something change [here|]
        has anything disappeared
    """),
    "moved_since": groups("""
        has {the} moved [since|since last time|]
        has {the} been moved
        did [somebody|anyone|anybody] move {the}
        is {the} somewhere else now
        is {the} in [another|a different|a new] place now
        was {the} moved [since my last visit|]
        tell me if {the} has [moved|changed place]
        did {the} move [at all|]
        has {the} changed its place
        is {the} no longer where it was [before|last time]
        do you know if {the} has been moved
        was {the} put somewhere else
        has [anyone|someone] taken {the} from its place
    """),
    "greeting": groups("""
        [hello|hi|hey] [there|]
        good [morning|evening|afternoon]
        how are you [today|]
        who are you
        what can you do
        what's your name
        are you there
        how can you help me
        hey sightline
        nice to meet you
        what's up
        can you hear me
    """),
    "thanks": groups("""
        [thanks|thank you]
        [great|perfect], thank you
        thanks a lot
        ok [great|thanks|good]
        that helps
        cool, thanks
        well done
        good job
        alright
        never mind
        got it
        that's all [for now|]
    """),
    "unsupported": groups("""
        what's the weather [today|tomorrow|like]
        tell me a joke
        who won the game [yesterday|last night]
        play some music
        what is the capital of france
        call [my mother|my boss|anna]
        send a message to [ben|my sister]
        what time is it in tokyo
        translate hello into spanish
        order [a pizza|some food] for me
        how much is the euro
        who is the president
        write me a poem
        turn on the lights
        set an alarm for seven
        what's in the news
        book me a flight
        how do i cook rice
        what's two plus two
        read my emails
        sing a song
        what will happen tomorrow
        is it going to rain
        buy me new shoes
    """),
}
