"""Run ``python -m grokflow``."""

import sys

from grokflow.cli import main

sys.exit(main())
