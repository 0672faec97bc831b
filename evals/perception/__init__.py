"""Suites of what lies under the answers: depth, mapping, tracking, localisation, scene graph, memory."""
