"""What needs no tool: greetings, thanks, feelings, and what glasses that remember a place cannot do.

Each kind has many ways to say it and one honest sentence in return. The turn ends without a tool call: with status
``clarify`` where the wearer may go on, and ``abstained`` (unsupported) where something was asked that cannot be done.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenes.questions.patterns.grammar import groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One kind of small talk."""

    said: tuple[str, ...]
    """Wording groups of the wearer; ``{x}`` is a slot that ``fill`` names."""
    reply: str
    refused: bool
    """Whether something was asked that cannot be done."""
    fill: tuple[str, ...] = ()
    """What the slot may hold."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CITIES = _words("paris rome tokyo london berlin madrid oslo cairo lima delhi vienna boston sydney dublin athens")
LANDS = _words("france italy japan spain norway egypt peru india austria brazil canada poland kenya chile greece")
PEOPLE = ("my mother", "my boss", "anna", "ben", "the doctor", "my sister", "grandpa", "the office", "a taxi", "leo")
SUMS = ("two plus two", "7 times 8", "the square root of 81", "15 minus 9", "12 divided by 4", "5 percent of 300")
TALKS: dict[str, Talk] = {
    "greeting": Talk(
        said=groups("""
            [hello|hi|hey] [there|]
            good [morning|evening|afternoon|day]
            hey sightline
            hello [friend|glasses|assistant]
            [hi|hello], are you there
            nice to meet you
            can you hear me
            hi, me again
            greetings
            what's up
            yo
            hello hello
        """),
        reply="Hello! I remember where things are. What are you looking for?",
        refused=False,
    ),
    "how_are_you": Talk(
        said=groups("""
            how are you [today|]
            how do you feel
            are you ok
            how is it going
            how's your day
            are you tired
            how are things
            are you happy
            do you feel well
            is everything fine with you
            you good
            how have you been
        """),
        reply="I am well, thank you. What can I find for you?",
        refused=False,
    ),
    "who_are_you": Talk(
        said=groups("""
            who are you
            what are you
            what's your name
            what can you do
            how can you help me
            what are you good for
            what is it that you do
            tell me about yourself
            are you a robot
            are you a real person
            what should i ask you
            help
        """),
        reply="I am your memory for things. I know where they are, and I can show you the way.",
        refused=False,
    ),
    "thanks": Talk(
        said=groups("""
            [thanks|thank you] [so much|a lot|]
            [great|perfect], thank you
            that helps
            cool, thanks
            well done
            good job
            nice one
            thank you very much
            you are the best
            that was helpful
            cheers
            much appreciated
        """),
        reply="You are welcome. What else are you looking for?",
        refused=False,
    ),
    "bye": Talk(
        said=groups("""
            [bye|goodbye] [for now|]
            see you [later|tomorrow|]
            good night
            that's all [for now|]
            i'm done
            i have to go
            talk to you later
            we are finished
            never mind
            forget it
            stop
            that was all
        """),
        reply="Fine. I am here when you need me.",
        refused=False,
    ),
    "acknowledged": Talk(
        said=groups("""
            ok [great|good|]
            alright
            got it
            i see
            [sure|fine]
            understood
            hmm ok
            [yes|yeah|yep]
            makes sense
            right
            good to know
            wonderful
        """),
        reply="Good. Is there anything else to find?",
        refused=False,
    ),
    "unkind": Talk(
        said=groups("""
            you are [stupid|useless]
            that was wrong
            you are not very good at this
            i don't like you
            this is nonsense
            what a bad answer
            you made a mistake
            that's not true
            you don't understand me
            i hate this
            you are annoying
            that is not right
        """),
        reply="I am sorry. Please ask me again in other words.",
        refused=False,
    ),
    "weather": Talk(
        said=groups("""
            what's the weather [today|tomorrow|like|in {x}]
            is it going to rain [tomorrow|]
            will it be sunny in {x}
            how hot is it outside
            do i need an umbrella today
            is it cold outside
            what's the temperature in {x}
            what will the weather be like [at the weekend|]
            is there a storm coming
            does it snow in {x}
            weather forecast please
            how is the weather
        """),
        fill=CITIES,
        reply="I cannot check the weather, only what is around you.",
        refused=True,
    ),
    "facts": Talk(
        said=groups("""
            what is the capital of {x}
            who is the president of {x}
            how many people live in {x}
            who invented the telephone
            how tall is mount everest
            when did the war end
            tell me about the history of {x}
            who wrote romeo and juliet
            how far is the moon
            why is the sky blue
            what's the largest city in {x}
            what language do they speak in {x}
            who painted the mona lisa
            how old is the universe
            what does photosynthesis mean
            which country has won the world cup
            what is the meaning of life
            do you know anything about {x}
        """),
        fill=LANDS,
        reply="I do not know that. I only know the things around you.",
        refused=True,
    ),
    "maths": Talk(
        said=groups("""
            what's {x}
            calculate {x}
            how much is {x}
            can you work out {x}
            {x} is what
            do the maths: {x}
            what do you get for {x}
            solve {x}
            tell me the result of {x}
            i need to know {x}
            please compute {x}
            {x} equals
        """),
        fill=SUMS,
        reply="I cannot do sums, but I can measure things around you.",
        refused=True,
    ),
    "joke": Talk(
        said=groups("""
            tell me a [joke|story]
            make me laugh
            sing a song [for me|]
            write me a poem
            say something funny
            do you know any jokes
            entertain me
            let's play a game
            i'm bored
            rap for me
            tell me something interesting
            a joke please
        """),
        reply="I am better at finding things than at jokes.",
        refused=True,
    ),
    "calls": Talk(
        said=groups("""
            call {x}
            send a message to {x}
            text {x} that i'm late
            ring {x} for me
            write an email to {x}
            tell {x} i will be late
            can you phone {x}
            read my [emails|messages]
            did {x} write to me
            start a video call with {x}
            answer the phone
            leave a message for {x}
        """),
        fill=PEOPLE,
        reply="I cannot call or write to anyone.",
        refused=True,
    ),
    "home": Talk(
        said=groups("""
            turn [on|off] the lights
            play some music
            set an alarm for [seven|six]
            set a timer for ten minutes
            switch the heating on
            turn the tv off
            close the blinds
            lock the front door
            order [a pizza|some food] [for me|]
            buy me new shoes
            make me a coffee
            open the garage door
            book me a [flight|table]
            vacuum the floor
            start the dishwasher
            pause the music
            add milk to my shopping list
            dim the lights
        """),
        reply="I cannot do that. I only see and remember things.",
        refused=True,
    ),
    "news": Talk(
        said=groups("""
            what's in the news
            who won the game [yesterday|last night]
            how much is the euro
            what time is it in {x}
            what day is it [today|]
            when does the next train leave
            what's the stock market doing
            what's on tv tonight
            is the supermarket open
            when is my next meeting
            what's the traffic like
            any news from {x}
            what happened in the world today
            what's the score
            when is easter this year
            where is the nearest bus stop
            how do i get to the airport
            is there a good restaurant in {x}
        """),
        fill=CITIES,
        reply="I cannot look that up. I only know this place.",
        refused=True,
    ),
    "advice": Talk(
        said=groups("""
            how do i cook rice
            translate [hello|thank you] into spanish
            what should i wear today
            what does this word mean in english
            how do i tie a tie
            should i quit my job
            give me a recipe for soup
            how can i lose weight
            what should i have for dinner
            how do i fix a leaking tap
            am i ill
            how do i say goodbye in french
            what book should i read
            help me with my homework
            explain quantum physics
            what would you do
            is it healthy to eat eggs
            how do you spell necessary
        """),
        reply="I cannot help with that, but I can help you find things.",
        refused=True,
    ),
    "private": Talk(
        said=groups("""
            do you love me
            what do you think of me
            will you marry me
            are you alive
            what do you dream of
            do you have a family
            how old are you
            where do you live
            what's your favorite color
            do you believe in god
            are you smarter than me
            what will happen tomorrow
        """),
        reply="I am only a memory for things and places.",
        refused=False,
    ),
}
"""Kinds of small talk, by name."""
