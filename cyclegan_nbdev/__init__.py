__version__ = "0.1.0"

from .system import environment # noqa: F401 # settings that count only before torch is imported
