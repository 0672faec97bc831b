"""A vision-language model that uses the tools: protocol, model, graph, session, command line."""
