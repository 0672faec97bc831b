"""Conversations as training data, and the loop that trains on them: tokenizer, traces, collator."""
