"""Pictures for people: an answer drawn on its frame, a floor plan as a picture and as a page.

Pure drawing: takes frames, answers and scene graphs; knows no map's folder, no model and no session.
"""
