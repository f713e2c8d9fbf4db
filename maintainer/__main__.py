"""`python -m maintainer` is `maintainer`."""

from maintainer.cli import main

main()
