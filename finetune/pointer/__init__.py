"""Training of the pointer model (``agent.model.pointer``): conversations, examples, one resumable loop, scores.

``families`` and ``small_talk`` add intents to ``finetune.language.traces``; ``examples`` turns conversations into runs
of choices; ``train`` makes base and adapter; ``evaluate`` scores held-out wording; ``gpu`` trains from one packed file.
"""
