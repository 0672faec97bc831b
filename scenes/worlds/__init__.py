"""Generated worlds: a seed becomes an apartment or office with exact ground truth. See ``scenes.worlds.world``."""
