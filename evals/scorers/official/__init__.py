"""Official metrics of public benchmarks, each in two variants.

``*_compatible`` gives what the official code gives, its mistakes included, and raises where that code raises: for
comparison with published figures. ``*_strict`` is what the metric should mean: for reports. The two differ only where
the docstring of the compatible one names a mistake. All are pure functions over plain values; none needs a model.

``answers`` compares texts, ``geometry`` boxes, poses, depth and points, ``calls`` tool calls and repeated trials,
``statistics`` calibration and intervals. ``cases`` says how a golden file's inputs reach these functions; suites and
reports have no use for it. Loaders of the benchmarks' questions live in ``evals.datasets``.
"""
