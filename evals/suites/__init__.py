"""Suites of questions and answers: what is asked, in which words, and where. The listing names all suites."""
