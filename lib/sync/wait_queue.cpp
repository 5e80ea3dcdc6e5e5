// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/sync/wait_queue.hpp>

namespace gyre::detail {

void append_waiters(std::string& out, std::size_t count) {
  if (count == 0) return;
  out += ", waiters:";
  append_unsigned(out, count);
}

}  // namespace gyre::detail
