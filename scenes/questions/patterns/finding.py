"""Where things are, which way, in which room, and when they were seen."""

from __future__ import annotations

from scenes.questions.patterns.grammar import groups

FINDING: dict[str, tuple[str, ...]] = {
    "where_is": groups("""
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
    "last_seen": groups("""
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
    "room_of": groups("""
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
    "direction": groups("""
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
    "route": groups("""
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
    "superlative": groups("""
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
    "where_am_i": groups("""
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
}
