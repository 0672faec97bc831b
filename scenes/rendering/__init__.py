"""Triangles to pictures: meshes, materials, textures, shading. Knows nothing of homes or walks."""
