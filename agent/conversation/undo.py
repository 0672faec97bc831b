"""Bringing back what the last turn forgot, because a model may have misheard."""

from __future__ import annotations

from agent.maps.map_store import MapStore


def bring_back(store: MapStore) -> tuple[str, ...]:
    """Return what the last turn forgot to the map and its memory; their names.

    Frames that came since stay. Raises ``tools.memory.forgetting.NothingForgottenError`` when there is nothing.
    """
    if store.memory.recoverable():
        store.save_graph()  # what came since goes into the file, from which all is then read again
    names = store.memory.bring_back()
    dormant = store.memory.dormant
    store.builder = store.memory.load_graph(store.header.map_id, store.builder.namer, store.builder.segmenter)
    store.memory.dormant = dormant
    return tuple(names.values())
