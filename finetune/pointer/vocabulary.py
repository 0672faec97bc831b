"""The words that the model may write itself: what sentences are made of, but no names, numbers, colours or sides.

Those can only be copied, so they stand in a line or were said by the wearer.
"""

from __future__ import annotations

from agent.model.pointer.choices import Vocabulary

_VALUES = "true false 0 1 2 3 4 5 6 7 8 9"
_MARKS = ". , ? ! : ; ( ) ' - s t"
_FUNCTION = """
a an the this that these those it its they them their he she him her his i you we me us my your our mine yours
who what which where when why how and or but so if because than then too also as at by for from of off on in into out
over under up down to with without about after before between through near is are was were be been being am do does did
done have has had can could cannot may might must shall should will would not no yes none nothing nobody nowhere never
always ever now here there again already still yet only just even very much many more most less least few some any all
both each every other another same such one ones else
"""
_SENTENCE = """
ok hello hi thanks thank welcome sorry please fine good well great sure wrong better best nearer farther further closer
taller shorter bigger smaller larger longer wider higher lower nearest largest smallest tallest
know knew say said tell told ask asked see saw seen look looked looking find found finding show remember remembered
forget forgotten save saved noted note mean meant need needed want help check call write read do measure measured move
moved open opened closed new gone missing changed touch touches fit fits work try give get go come stand stands lie lies
hold holds left_behind thing things something anything everything object objects name names place places way room rooms
color size distance direction picture memory view words question answer sentence map gaze time times day moment sums
jokes weather news anyone someone around inside away together enough sight line show support idea possible able
"""


def words() -> tuple[str, ...]:
    """The vocabulary; its end mark first."""
    listed = " ".join((_VALUES, _MARKS, _FUNCTION, _SENTENCE)).split()
    return (Vocabulary.END, *dict.fromkeys(word for word in listed if "_" not in word))
