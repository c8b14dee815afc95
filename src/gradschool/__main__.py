"""`python -m gradschool` is the command line."""

from gradschool.cli import main

if __name__ == "__main__":
    main()
