"""The suites of ``sightline eval run``: what each is called, which options it takes, what runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from evals.perception import depth, localisation, mapping, memory, scene_graph, tracking
from evals.perception.report import Report
from evals.suites import scene_qa
from evals.suites.answers import SELECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One named measurement: figures at once, without predictions in between."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]
    """Raises ``InputError`` for data that is not there."""


QUESTION_SUITES = SELECTIONS
"""Suites that ask a system: predictions to a file, then scores."""
SUITES = (
    Suite(
        name="scene-graph",
        help="objects, names, relations and identity on generated worlds",
        add_arguments=scene_graph.add_arguments,
        run=scene_graph.run,
    ),
    Suite(
        name="memory",
        help="speed at size, writes that survive kill -9, growth, forgetting, words that mean the same",
        add_arguments=memory.add_arguments,
        run=memory.run,
    ),
    Suite(
        name="localisation",
        help="poses of single images in a map: recall, errors, wrong and sure, images of another place",
        add_arguments=localisation.add_arguments,
        run=localisation.run,
    ),
    Suite(
        name="tracking",
        help="poses found without given ones: trajectory error and time",
        add_arguments=tracking.add_arguments,
        run=tracking.run,
    ),
    Suite(
        name="mapping",
        help="speed and memory of a whole walk, and how well the map predicts unseen frames",
        add_arguments=mapping.add_arguments,
        run=mapping.run,
    ),
    Suite(
        name="depth",
        help="depth from posed neighbours or a model, against the sensor",
        add_arguments=depth.add_arguments,
        run=depth.run,
    ),
    Suite(
        name=scene_qa.NAME,
        help="SQA3D and Beacon3D: human questions about annotated real rooms, end to end",
        add_arguments=scene_qa.add_arguments,
        run=scene_qa.run,
    ),
)
