"""Trials as jobs of Slurm, submitted through submitit."""
