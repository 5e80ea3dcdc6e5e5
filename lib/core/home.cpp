// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/home.hpp>

#include <mutex>

namespace gyre::detail {
namespace {

std::mutex identities_guard;
loop_identity* free_identities = nullptr;  // never freed: see the class

}  // namespace

loop_identity& loop_identity::take(home& owner) {
  const std::lock_guard hold(identities_guard);
  loop_identity* taken = free_identities;
  if (taken != nullptr) {
    free_identities = taken->next_free_;
  } else {
    taken = new loop_identity;
  }
  taken->begin_era(owner);
  return *taken;
}

void loop_identity::give_back() noexcept {
  end_era();
  const std::lock_guard hold(identities_guard);
  next_free_ = free_identities;
  free_identities = this;
}

}  // namespace gyre::detail
