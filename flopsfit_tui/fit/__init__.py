"""The law and everything that turns losses into an answer: numpy and scipy only."""
