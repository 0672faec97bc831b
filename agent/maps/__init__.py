"""Maps on disk: building and continuing them, describing their views, finding recordings and single images in them.

No conversation and no drawing; a model is known only as what names and describes pictures.
"""
