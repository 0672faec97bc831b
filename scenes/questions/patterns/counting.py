"""Whether there is something, how many, and what."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

COUNTING: dict[str, tuple[str, ...]] = {
    "exist": groups("""
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
    "exist_relation": groups("""
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
    "count": groups("""
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
    "count_relation": groups("""
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
    "count_room": groups("""
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
    "count_things": groups("""
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
    "list_relation": groups("""
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
    "list_room": groups("""
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
}
