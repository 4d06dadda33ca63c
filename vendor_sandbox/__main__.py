import sys

from vendor_sandbox.command import main

sys.exit(main())
