// SPDX-License-Identifier: BSL-1.0
#pragma once
// How many cores this process may use.  Layer: runtime.  Bodies: lib/runtime/cores.cpp, lib/runtime/cgroup.cpp

namespace gyre {

/// The cores that this process may use: those of the calling thread's affinity mask, but no more than the CPU quota of its
/// control groups (versions 1 and 2, with all groups above) allows, rounded up; at least 1.
///
/// Shape:   asks the system at each call. On a loop's thread that is tied to its core (run_options::pin_threads) it counts
///          the cores that the thread had before.
/// Source:  sched_getaffinity(2), cgroups(7); the kernel's cgroup-v2 and sched-bwc pages.
[[nodiscard]] int usable_cores() noexcept;

}  // namespace gyre
