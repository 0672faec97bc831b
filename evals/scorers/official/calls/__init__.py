"""Official metrics of tool use: reading calls, checking them against accepted answers, success over trials."""
