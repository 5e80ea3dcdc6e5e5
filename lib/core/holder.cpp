// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/holder.hpp>
#include <gyre/core/task_core.hpp>

namespace gyre {

void track_lock_holders() noexcept { detail::holders_wanted.store(true, std::memory_order_relaxed); }

namespace detail {
namespace {

constexpr unsigned address_bits = 48;

// Not 0: that is a task without a mark.
std::uint16_t next_mark() noexcept {
  static std::atomic<std::uint16_t> last{0};
  std::uint16_t mark = 0;
  while (mark == 0) mark = static_cast<std::uint16_t>(last.fetch_add(1, std::memory_order_relaxed) + 1);
  return mark;
}

}  // namespace

std::atomic<bool> holders_wanted{false};

holder_word holder_word_of(const task_core& t) noexcept {
  const holder_word mark = t.holder_mark.load(std::memory_order_relaxed);
  if (mark == 0) return 0;
  return reinterpret_cast<std::uintptr_t>(&t) ^ (mark << address_bits);
}

void holder_note::note_running_task() noexcept {
  task_core* const t = this_thread().current;
  if (t == nullptr) return freed();
  if (t->holder_mark.load(std::memory_order_relaxed) == 0) {
    t->holder_mark.store(next_mark(), std::memory_order_relaxed);
    t->state.note_used();
  }
  word_.store(holder_word_of(*t), std::memory_order_relaxed);
}

}  // namespace detail
}  // namespace gyre
