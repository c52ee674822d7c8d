"""`python -m served`."""

from mlzoo.packing.served.server import main

if __name__ == "__main__":
    main()
