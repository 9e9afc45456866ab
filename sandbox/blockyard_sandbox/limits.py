"""What one guest may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuestLimits:
    """Bounds on a guest: per call (``cpu_seconds``, ``wall_seconds``, ``output_bytes``, ``result_bytes``) and as a whole.

    ``memory_bytes`` comes on top of what the warm interpreter itself maps. ``processes`` bounds the kernel's own count; the
    system-call list refuses new processes and threads in any case. ``scratch_bytes`` is the size of a
    private folder ``/scratch`` in memory; 0 means none.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 30.0
    memory_bytes: int = 256 * 1024 * 1024
    processes: int = 1
    open_files: int = 32
    file_bytes: int = 16 * 1024 * 1024
    output_bytes: int = 1024 * 1024
    result_bytes: int = 1024 * 1024
    run_cpu_seconds: float = 300.0
    scratch_bytes: int = 0
