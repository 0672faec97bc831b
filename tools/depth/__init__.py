"""Depth for a frame that has none or little: from posed neighbours, from a model, from the map."""
