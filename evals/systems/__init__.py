"""What is measured: the agent as it ships, and the baselines that every report shows beside it."""
