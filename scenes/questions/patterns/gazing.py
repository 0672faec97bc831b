"""What the wearer looks at, what it is called from now on, and notes on it."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

GAZING: dict[str, tuple[str, ...]] = {
    "gaze_what": groups("""
        what is this
        what's this
        what is that
        what am i looking at
        what is this thing
        what do you call this
        what's that [thing|object|] over there
        [tell me|do you know] what this is
        name this [thing|object]
        can you tell what that is
        identify this
        what is it that i'm looking at
        what thing is this
        what object am i looking at
        what's the name of this
        what might this be
    """),
    "gaze_color": groups("""
        what color is this
        what color is that
        which colour does this have
        what's the color of this
        tell me the color of this
        what color is this thing
        do you know what colour this is
        what shade is this
        name the color of that
        what colour would you call this
        the color of this one
        what color does that thing have
    """),
    "gaze_distance": groups("""
        how far is that
        how far is this
        how far away is that
        what's the distance to that
        how far am i from this
        how close is this
        how far is it to that
        distance to this
        how many meters to that
        how far is the thing i'm looking at
        tell me how far that is
        measure the distance to this
        how near is that
        how long is it to there
    """),
    "gaze_size": groups("""
        how big is this
        how large is that
        what size is this
        what's the size of this
        measure this
        what are the dimensions of that
        tell me how big this is
        how big is the thing i'm looking at
        size of this
        what are the measurements of this
        how much space does this take
        is this big
    """),
    "teach": groups("""
        this is {name}
        that is {name}
        that's {name}
        remember this as {name}
        call this {name}
        call that {name}
        remember that this is {name}
        this here is {name}
        save this as {name}
        i call this {name}
        name this {name}
        let's call this {name}
        [please note|note] that this is {name}
        what i'm looking at is {name}
        keep in mind that this is {name}
        this thing is {name}
        the thing i'm looking at is {name}
        know this as {name}
        store this as {name}
        learn this, it is {name}
    """),
    "teach_named": groups("""
        {the} is {name}
        remember {the} as {name}
        call {the} {name}
        save {the} as {name}
        remember that {the} is {name}
        i call {the} {name}
        let's call {the} {name}
        from now on {the} is {name}
        name {the} {name}
        rename {the} to {name}
        store {the} as {name}
        please note that {the} is {name}
    """),
    "forget": groups("""
        forget {the}
        forget about {the}
        delete {the} from your memory
        you can forget {the}
        don't remember {the} anymore
        remove {the} from memory
        erase {the}
        please forget {the}
        stop remembering {the}
        i want you to forget {the}
        no longer remember {the}
        clear what you know about {the}
        drop {the} from memory
        {the} is not important, forget it
    """),
    "annotate": groups("""
        note on {the}: {note}
        add a note to {the}: {note}
        remember about {the}: {note}
        put a note on {the} saying {note}
        write on {the} that {note}
        note that {the} {note}
        make a note for {the}: {note}
        leave a note on {the}: {note}
        for {the}, note {note}
        remind me that {the} {note}
        attach to {the}: {note}
        save a note for {the}: {note}
    """),
    "recall": groups("""
        what did i note about {the}
        what did i say about {the}
        any notes on {the}
        what do you remember about {the}
        is there a note on {the}
        read my note on {the}
        what was the note on {the}
        what did i tell you about {the}
        show me the note for {the}
        what did i want to remember about {the}
        my notes about {the}
        remind me what i noted on {the}
        did i leave a note on {the}
    """),
}
