// SPDX-License-Identifier: BSL-1.0
#include "parking.hpp"
#include "../loop/loop_core.hpp"

namespace gyre::detail {

template class basic_parking<loop_core>;

}  // namespace gyre::detail
