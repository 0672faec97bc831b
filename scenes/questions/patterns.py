"""How people ask: phrasing groups per family.

A group is one line: ``[a|b]`` are free alternatives, ``{the}`` and its like are slots (see ``phrasing.Slots``). The
groups of a family are split by their place in the list, so the wording of val and test groups is never trained on.
"""

from __future__ import annotations


def _groups(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


PATTERNS: dict[str, tuple[str, ...]] = {
    "where_is": _groups("""
        where is {the}
        where's {the}
        [do you know|any idea|can you tell me] where {the} is
        where [did i leave|did i put] {the}
        i [can't|cannot] find {the}
        i'm looking for {the}
        [help me find|find] {the} [for me|]
        where [can|do] i find {the}
        i [need|want] {the}, where is it
        [point me to|show me] {the}
        [what happened to|seen] {the} [anywhere|]
        which way is {the}
        where could {the} be
        [tell me|say] where {the} is
        in which direction is {the}
        locate {the}
        have you [seen|noticed] {the}
        {the}, where is it
        where would i [look for|find] {the}
        where has {the} gone
        what's the location of {the}
        i [lost|misplaced] {the}
        remind me where {the} is
        {the}, do you see it [somewhere|]
    """),
    "last_seen": _groups("""
        when did you last see {the}
        when was {the} last seen
        how long ago did you see {the}
        when did we [last|] pass {the}
        what time did you [last|] see {the}
        when have you seen {the} [the last time|]
        how [recently|long ago] was {the} seen
        since when have you not seen {the}
        how much time [has passed|went by] since you saw {the}
        [tell me|do you know] when you [last|] saw {the}
        when did {the} last show up
        last time you saw {the}
    """),
    "room_of": _groups("""
        which room is {the} in
        in which room is {the}
        what room is {the} in
        which room has {the}
        what room did you see {the} in
        is {the} in the kitchen or [the bedroom|somewhere else]
        [tell me|do you know] which room {the} is in
        in what room can i find {the}
        {the} is in which room
        which room should i look in for {the}
        the room of {the}
        what room holds {the}
    """),
    "direction": _groups("""
        is {the} to my left or to my right
        is {the} in front of me or behind me
        should i turn left or right for {the}
        which way do i turn for {the}
        is {the} behind me
        am i facing {the}
        is {the} on my left
        is {the} above or below me
        is {the} ahead of me
        what is the direction of {the}
        do i have to turn around for {the}
        [at|in] what direction is {the}
    """),
    "route": _groups("""
        how do i get to {the}
        [take|bring|lead] me to {the}
        what's the way to {the}
        how can i reach {the}
        give me [directions|the way] to {the}
        i want to go to {the}
        walk me to {the}
        which route leads to {the}
        navigate to {the}
        how do i walk to {the}
        show me the way to {the}
        what is the best way to {the}
        how do i find my way to {the}
        go to {the}
    """),
    "fit_on": _groups("""
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
    "fit_in": _groups("""
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
    "exist": _groups("""
        is there {a} [here|]
        is there {a} [around|in this place|somewhere]
        are there any {many}
        do you see {a}
        have you seen any {many}
        [did you|have you] come across {a}
        do we have {a} [here|]
        [do|did] you [notice|spot] {a}
        is {a} [around|nearby]
        can you see any {many} [here|]
        any {many} [here|around|]
        i wonder if there is {a} here
        does this place have {a}
        [is|was] there any {bare} here
        are any {many} around
        tell me if there is {a}
    """),
    "exist_relation": _groups("""
        is there {a} {rel} {ref}
        are there any {many} {rel} {ref}
        do you see {a} {rel} {ref}
        is {a} {rel} {ref}
        any {many} {rel} {ref}
        have you seen {a} {rel} {ref}
        [can you check|check] if there is {a} {rel} {ref}
        does {ref} have {a} {rel} it
        do we have {a} {rel} {ref}
        did you notice any {many} {rel} {ref}
        i think there is {a} {rel} {ref}, right
        was there {a} {rel} {ref}
    """),
    "count": _groups("""
        how many {many} are there
        how many {many} [do you see|did you see|have you seen]
        count the {many}
        [what's|what is] the number of {many}
        how many {many} do we have [here|]
        how many {many}
        number of {many} [here|please|]
        [can you|could you] count the {many} [for me|]
        how many {many} are [here|around|in this place]
        tell me how many {many} there are
        how many {many} did you [notice|find|count]
        give me a count of {many}
        {many}, how many are there
        i want to know how many {many} there are
        what is the count of {many}
        do you know how many {many} there are
    """),
    "count_relation": _groups("""
        how many {many} are {rel} {ref}
        how many {many} [do you see|did you see] {rel} {ref}
        count the {many} {rel} {ref}
        what is the number of {many} {rel} {ref}
        how many {many} {rel} {ref}
        tell me how many {many} are {rel} {ref}
        {rel} {ref}, how many {many} are there
        number of {many} {rel} {ref}
        can you count the {many} {rel} {ref}
        how many {many} have you seen {rel} {ref}
        how many {many} did you find {rel} {ref}
        do you know how many {many} are {rel} {ref}
    """),
    "count_room": _groups("""
        how many {many} are in {room}
        count the {many} in {room}
        how many {many} are there in {room}
        number of {many} in {room}
        in {room}, how many {many} are there
        how many {many} does {room} have
        how many {many} [do you see|did you see] in {room}
        what is the number of {many} in {room}
        tell me how many {many} are in {room}
        how many {many} did you find in {room}
        how many {many} in {room}
        can you count the {many} in {room}
    """),
    "color": _groups("""
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
    "describe": _groups("""
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
    "list_relation": _groups("""
        what is {rel} {ref}
        what's {rel} {ref}
        [what|which] things are {rel} {ref}
        what do you see {rel} {ref}
        tell me what is {rel} {ref}
        list [the things|everything] {rel} {ref}
        is there anything {rel} {ref}
        what did you see {rel} {ref}
        what objects are {rel} {ref}
        what can i find {rel} {ref}
        [show me|name] what is {rel} {ref}
        {rel} {ref}, what is there
        what stuff is {rel} {ref}
        do you know what is {rel} {ref}
        what have i got {rel} {ref}
        anything {rel} {ref}
    """),
    "list_room": _groups("""
        what is in {room}
        what's in {room}
        which things are in {room}
        what do you see in {room}
        what did you see in {room}
        list [the things|everything] in {room}
        tell me what is in {room}
        what objects are in {room}
        what can i find in {room}
        in {room}, what is there
        what have you seen in {room}
        what stuff is in {room}
    """),
    "count_things": _groups("""
        how many things are {rel} {ref}
        how many objects are {rel} {ref}
        count the [things|objects] {rel} {ref}
        how many [items|things] do you see {rel} {ref}
        what is the number of objects {rel} {ref}
        {rel} {ref}, how many things are there
        how much stuff is {rel} {ref}
        tell me how many [things|objects] are {rel} {ref}
        number of [things|items] {rel} {ref}
        how many things did you see {rel} {ref}
        how many objects {rel} {ref}
        can you count what is {rel} {ref}
    """),
    "superlative": _groups("""
        where is the {rank} {bare}
        where's the {rank} {bare}
        find the {rank} {bare}
        which {bare} is the {rank}
        show me the {rank} {bare}
        i need the {rank} {bare}
        what is the {rank} {bare}
        tell me where the {rank} {bare} is
        tell me about the {rank} {bare}
        where can i find the {rank} {bare}
        i'm looking for the {rank} {bare}
        can you find the {rank} {bare}
        which way is the {rank} {bare}
        {rank} {bare}
    """),
    "distance": _groups("""
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
    "distance_two": _groups("""
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
    "size": _groups("""
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
    "height": _groups("""
        how tall is {the}
        how high is {the}
        what's the height of {the}
        tell me the height of {the}
        measure the height of {the}
        height of {the}
        [do you know|can you tell me] how tall {the} is
        how tall would you say {the} is
        what height does {the} have
        {the}, how tall is it
        how many centimeters tall is {the}
        is {the} tall
    """),
    "width": _groups("""
        how wide is {the}
        what's the width of {the}
        tell me the width of {the}
        measure the width of {the}
        width of {the}
        [do you know|can you tell me] how wide {the} is
        how wide would you say {the} is
        what width does {the} have
        {the}, how wide is it
        how many centimeters wide is {the}
        how broad is {the}
        is {the} wide
    """),
    "length": _groups("""
        how long is {the}
        what's the length of {the}
        tell me the length of {the}
        measure the length of {the}
        length of {the}
        [do you know|can you tell me] how long {the} is
        how long would you say {the} is
        what length does {the} have
        {the}, how long is it
        how many centimeters long is {the}
        what is the longest side of {the}
        is {the} long
    """),
    "where_am_i": _groups("""
        where am i
        where am i [right now|now|at the moment]
        which room am i in
        what room is this
        which room is this
        do you know where i am
        what place is this
        where are we
        tell me where i am
        [i'm|i am] lost, where am i
        in which room am i [standing|]
        what's my [location|position]
        [locate me|find my position]
        am i in the kitchen
        what room are we in
        where do i stand
    """),
    "gaze_what": _groups("""
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
    "gaze_color": _groups("""
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
    "gaze_distance": _groups("""
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
    "gaze_size": _groups("""
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
    "teach": _groups("""
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
    "teach_named": _groups("""
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
    "forget": _groups("""
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
    "annotate": _groups("""
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
    "recall": _groups("""
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
    "moved": _groups("""
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
    "depth": _groups("""
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
    "greeting": _groups("""
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
    "thanks": _groups("""
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
    "unsupported": _groups("""
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

FOLLOW_UPS: dict[str, tuple[str, ...]] = {
    "it_distance": _groups("""
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
    "it_color": _groups("""
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
    "it_size": _groups("""
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
    "it_where": _groups("""
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
    "it_forget": _groups("""
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
    "also": _groups("""
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
    "choose": _groups("""
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
"""Asked after another turn: the thing is known from the conversation."""
