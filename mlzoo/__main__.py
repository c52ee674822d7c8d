"""The command line of mlzoo, as `python -m mlzoo`."""

from mlzoo_cli.main import run

if __name__ == "__main__":
    run()
