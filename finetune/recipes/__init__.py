"""What makes each shipped weight, step by step: base, vision, adapter, and its held-out scores."""
