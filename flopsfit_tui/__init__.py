"""How big should my model be, and on how much data should it train?"""

__version__ = "0.1.0"
