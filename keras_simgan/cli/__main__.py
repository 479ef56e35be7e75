"""`python -m keras_simgan.cli`, for where the command itself is not on the path."""

import sys

from keras_simgan.cli.command_line import main

sys.exit(main())
