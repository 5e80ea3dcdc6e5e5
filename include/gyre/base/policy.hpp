// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the short protocols of core, sync and flow are built of. The model checker instantiates the same templates over its
// own (tests/model), so that the shipped source is what it searches.  Layer: base.
#include <gyre/base/atomics.hpp>
#include <gyre/base/spin_lock.hpp>

namespace gyre::detail {

struct std_policy : std_atomics {
  /// A variable that is guarded by something else: the model checker sees who touches it without.
  template <class T>
  using var = T;
  using lock = spin_lock;
};

}  // namespace gyre::detail
