// SPDX-License-Identifier: BSL-1.0
#pragma once
// What becomes of a thread that submits more than a bound allows.  Layer: runtime.
#include <cstdint>

namespace gyre {

/// At a bound, the submitting thread waits for room, or gets queue_full. A loop's own thread never waits: it gets queue_full
/// in both cases.
enum class submission_overflow : std::uint8_t { wait, error };

}  // namespace gyre
