"""Geometry that later stages share: surfaces of a frame, voxels, boxes, directions, colours. Knows no map."""
