"""What work leaves to the garbage collector."""

import gc
from collections.abc import Callable


def left_by(work: Callable[[], object]) -> set[str]:
    """The types of the objects that only the garbage collector frees once ``work`` is done.

    What was there before does not count: garbage of earlier tests may come to light at any time
    (a thread that ends, a finalizer that lets more go).
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        work()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return {type(one).__qualname__ for one in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()
