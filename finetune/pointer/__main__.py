"""``python -m finetune.pointer``."""

import sys

from finetune.pointer.command import main

sys.exit(main())
