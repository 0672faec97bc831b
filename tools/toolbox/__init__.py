"""The tools that a model can call, and the facts that they return.

One list, ``toolbox.TOOLS``; each tool is short text for the model and a typed artifact for the program.
"""
