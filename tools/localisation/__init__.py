"""Where a single image was taken in a saved map, or the reason why that is not known.

``localiser`` is the door; features, matching, pose search and refinement stand behind it.
"""
