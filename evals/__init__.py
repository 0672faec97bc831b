"""Suites, scorers and benchmarks."""
