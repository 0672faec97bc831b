"""A vision-language model, and what stands between it and a tool call.

Protocol, grammar, decoding, adapters, served models.
"""
