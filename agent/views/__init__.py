"""Pictures for people: an answer drawn on its frame, a floor plan, a plan as a page."""
