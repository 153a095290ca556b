"""Coverage-guided fuzzing of what reads the network; README.md says how."""
