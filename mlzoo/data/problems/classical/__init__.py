"""Classical solvers of problems, whose error and time stand beside a network's."""
