"""Frames in, facts out: depth, mapping, localisation, segmentation, scene graph, memory, and the toolbox."""
