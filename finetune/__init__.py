"""Training: the embedded base model, LoRA adapters, and the data they learn from."""
