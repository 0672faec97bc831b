"""What has changed, small talk, and what no glasses can do."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

TALKING: dict[str, tuple[str, ...]] = {
    "changed": groups("""
        what changed [here|]
        what has changed since [before|last time|my last visit]
        what is different [now|here|]
        tell me what has changed
        did something change [here|]
        has anything changed [while i was away|]
        is anything different [from last time|here|]
        what is not as it was [before|]
        is everything [still|] as [i left it|it was]
        what happened [here|] while i was [away|gone]
        which changes do you see [here|]
        show me what is different
        anything changed since i was here [last|]
        list what has changed
    """),
    "moved": groups("""
        what has moved
        what moved
        did anything move
        has anything been moved
        which things have moved [since last time|]
        what is no longer where it was
        did [somebody|anyone|anybody] move anything
        what [things|] did they move
        what has been put somewhere else
        which things are not where they were [before|]
        is anything in another place [now|]
        what was moved [since my last visit|]
        what is out of its place
        tell me what moved
    """),
    "missing": groups("""
        is anything missing
        what things are gone
        has anything disappeared
        what is missing [here|]
        did [somebody|anyone|anybody] take anything [away|]
        what is not here anymore
        has something been taken [away|]
        which things have disappeared
        is something gone [since last time|]
        what was taken away
        what did they take
        what can you not find anymore
        tell me what is missing
        did anything vanish
    """),
    "appeared": groups("""
        is anything new [here|]
        what is new [here|]
        did [somebody|anyone|anybody] bring anything
        what was not here [before|last time]
        are there any new things [here|]
        which things are new
        has anything been added
        what did they bring
        what was added [since my last visit|]
        has something new turned up
        tell me what is new
        is there something i have not seen here before
        what has appeared [since last time|]
        do you see anything new
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
