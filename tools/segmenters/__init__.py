"""Segmenters beside the geometric one: the embedded network, and adapters for models that a user has."""
