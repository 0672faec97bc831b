"""The things that stand in a world: how each kind is built, in which sizes and colours."""
