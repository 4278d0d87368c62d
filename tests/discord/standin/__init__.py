"""A small Discord for tests: REST and gateway over real sockets on 127.0.0.1, after Discord's own documents.

It serves one bot. Tests make its world (`Standin.guild`, `Person`), act as people and look at what they see.
It knows nothing of Onsa.
"""

from standin.person import Person, Unanswered
from standin.server import Standin

__all__ = ["Person", "Standin", "Unanswered"]
