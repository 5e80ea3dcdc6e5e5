// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a loop's queues hold: tasks that are ready, callbacks, and steps of gather, wait and timers.  Layer: core.
#include <gyre/base/intrusive_list.hpp>

namespace gyre::detail {

/// One entry of a loop's ring. The object belongs to whoever queued it; an entry is in at most one queue at a time.
class runnable : public list_link<> {
 public:
  /// What becomes of an entry: its turn has come, or its loop closes and it never will.
  enum class fate : bool { runs, dropped };
  using function = void (*)(runnable&, fate) noexcept;

  explicit runnable(function entry) noexcept : run_(entry) {}

  /// Called by the loop, on its thread, after the entry has left the ring. The entry may be gone afterwards.
  void run() noexcept { run_(*this, fate::runs); }
  /// Whether its turn is this function.
  [[nodiscard]] bool is(function entry) const noexcept { return run_ == entry; }
  /// Called instead of run() when the loop closes.
  void drop() noexcept { run_(*this, fate::dropped); }

 protected:
  ~runnable() = default;

 private:
  template <class Atomics>
  friend class basic_message_list;

  function run_;
  runnable* below_;  // link of a message_list: the entry pushed before this one
};

}  // namespace gyre::detail
