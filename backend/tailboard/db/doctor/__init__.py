"""Looking at a database the way a cautious operator would, and saying what to do about each thing that is wrong."""
