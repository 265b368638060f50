"""The start screen: choose a workload, see its plan, edit it."""
