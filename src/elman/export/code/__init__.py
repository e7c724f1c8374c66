"""What C sources and machine code share: code that computes one sequence at a time, in memory that
its caller gives."""
