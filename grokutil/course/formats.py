"""``nbformat``, without a grammar of internet addresses that nothing in a notebook asks for.

``jsonschema`` imports ``rfc3987_syntax`` where it is installed, to check addresses in any script. That builds 39
parsers at its import: 3 seconds, where a whole small notebook is graded in 2.
"""

import sys

ADDRESSES = "rfc3987_syntax"

here = ADDRESSES in sys.modules
sys.modules.setdefault(ADDRESSES, None)  # type: ignore[arg-type]  # as if it were not installed
import nbformat  # noqa: E402

if not here:
    del sys.modules[ADDRESSES]  # whoever wants it can import it

__all__ = ["nbformat"]
