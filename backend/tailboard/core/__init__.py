"""The pure core: facts in, decisions out. No I/O, no clock, no event loop; time is an argument."""
