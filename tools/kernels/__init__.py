"""The tool core as people run it: the only ``torch.compile`` sites, the thread that compiles, and packages made ahead
of time.

The arithmetic itself is eager code in ``tools.core``.
"""
