// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/home.hpp>

#include <atomic>
#include <cinttypes>
#include <cstdint>
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

// A program that is out of memory has many such reports: the first one and each tenth, hundredth ... is printed.
void print_short(const char* what) noexcept {
  static constinit std::atomic<std::uint64_t> all{0};
  static constinit std::atomic<std::uint64_t> next_printed{1};
  const std::uint64_t number = all.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint64_t due = next_printed.load(std::memory_order_relaxed);
  if (number < due || !next_printed.compare_exchange_strong(due, due * 10, std::memory_order_relaxed)) return;
  if (number == 1) {
    std::fprintf(stderr, "%s (no memory to tell more)\n", what);
  } else {
    std::fprintf(stderr, "%s (no memory to tell more, as for %" PRIu64 " reports so far)\n", what, number);
  }
}

void loop_identity::give_back() noexcept {
  end_era();
  const std::lock_guard hold(identities_guard);
  next_free_ = free_identities;
  free_identities = this;
}

}  // namespace gyre::detail
