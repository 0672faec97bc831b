"""Official metrics of geometry: boxes, camera poses, trajectories, depth, point clouds, scene-graph ranks."""
