"""What all readers share: images, lenses, folders, poses, gravity, and the ``Recording`` that they fill."""
