"""The benchmarks' figures: one table and a few plots, made from what they wrote, put where the README shows them."""
