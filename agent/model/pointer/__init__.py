"""A pretrained sentence encoder that calls tools: it points at what it was given instead of spelling it.

The encoder (all-MiniLM-L6-v2) reads the dialogue and, apart from it, every tool, argument and enum value. A small
decoder chooses, step by step, a tool, an argument, a value, the first and the last word of a span of the dialogue, or a
word of its own: a pointer decoder over a sequence-to-sequence model (Rongali et al. 2020, "Don't Parse, Generate!").
Names and numbers are therefore copied letter by letter from the text, and every call is valid by construction.

``reading`` and ``items`` say what can be pointed at, ``grammar`` what may be chosen next, ``network`` holds the
weights, ``decoding`` writes, ``vlm`` is the model behind ``agent.model.vlm``. Nothing here knows Sightline's tools.
"""
