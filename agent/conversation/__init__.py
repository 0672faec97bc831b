"""A session with one wearer: frames go in, a turn is a LangGraph graph of model and tools, answers come out.

Knows no command line and draws nothing.
"""
