"""A vision-language model, and what stands between it and a tool call.

The ``Vlm`` protocol (``interface``), the messages and calls (``protocol``), grammar and decode loop of local models,
adapters, served models, and naming by a model. Knows no map and no session.
"""
