"""`python -m tailboard` is the `tailboard` command."""

from tailboard.cli import main

if __name__ == "__main__":
    main()
