"""The suites of ``sightline eval run``, each a measurement with targets."""
