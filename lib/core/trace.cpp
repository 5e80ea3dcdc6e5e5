// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/trace.hpp>

namespace gyre::detail {

std::atomic<trace_hook> trace_target{nullptr};
std::atomic<void (*)() noexcept> interruption_target{nullptr};

}  // namespace gyre::detail
