// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/home.hpp>

#include <cstdio>
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

bool loop_identity::is_inside(const home* here, std::uint32_t era) const noexcept {
  if (here == nullptr || this->era() != era) return false;
  return &here->identity() == this || here->family() == family_.load(std::memory_order_relaxed);
}

runtime_visit::runtime_visit(loop_identity* loop, std::uint32_t era, purpose why) noexcept {
  if (loop == nullptr || loop->is_inside(this_thread().loop, era)) return;
  entered_ = loop;
  admitted_ = why == purpose::queue ? loop->enter(era) : loop->enter_to_look(era);
}

void print_without_loop(const report& r) noexcept {
  std::fprintf(stderr, "%s\n", r.message.c_str());
  if (!r.details.empty()) std::fprintf(stderr, "  %s\n", r.details.c_str());
}

void print_short(const char* what) noexcept { std::fprintf(stderr, "%s (no memory to tell more)\n", what); }

void loop_identity::give_back() noexcept {
  end_era();
  const std::lock_guard hold(identities_guard);
  next_free_ = free_identities;
  free_identities = this;
}

}  // namespace gyre::detail
