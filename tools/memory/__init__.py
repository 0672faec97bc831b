"""What is kept of a map between sessions: the graph, texts and keyframes in one SQLite file; and forgetting."""
