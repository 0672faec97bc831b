"""Public question sets in their own file formats, as frozen records.

A loader checks what it reads and names the file and the entry that is wrong. It knows no suite and no score: metrics
are in ``evals.scorers.official``, the suites that ask the questions in ``evals.suites``. These are test sets: nothing
here may be used for training.
"""
