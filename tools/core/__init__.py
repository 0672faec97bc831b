"""Eager, pure tensor kernels: tensors in, tensors out, fixed shapes, masks instead of branches.

Nothing here knows of frames, files, classes of the project or of ``torch.compile``. ``tools.kernels.compiled`` compiles
these same functions; each of them is its own eager twin.
"""
