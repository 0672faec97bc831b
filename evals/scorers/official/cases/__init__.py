"""How the cases of a golden file reach the ports: one ``Check`` for each file, grouped as the ports are."""
