// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>

namespace gyre::detail {

template class basic_spin_lock<std_atomics>;

}  // namespace gyre::detail
