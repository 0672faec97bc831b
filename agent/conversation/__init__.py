"""A visit in which one talks: the session, the LangGraph graph of a turn, and what the tools see of it."""
