import sys

from sync_pipelines.sandbox.command import main

sys.exit(main())
