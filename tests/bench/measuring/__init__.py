"""What the benchmarks share: a server to measure on, the contenders, a crowd of subscribers, processes' costs."""
