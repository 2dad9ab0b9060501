"""The stack that the browser looks at: a real one, which the tests that kill processes take too."""

from tests.real_stack import VIEWER
from tests.real_stack import RealStack as BrowsedStack

__all__ = ["VIEWER", "BrowsedStack"]
