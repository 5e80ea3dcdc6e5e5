// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a loop is set up with, and what it asks of the runtime that it works in.  Layer: loop.
#include "executor_slot.hpp"
#include "parker.hpp"

#include <gyre/base/clock.hpp>

#include <atomic>
#include <cstdint>

namespace gyre::detail {

class loop_core;
class task_core;

/// A task that another loop is to run now. A child of a fork-join counts as running already: nobody else has begun it.
struct stolen {
  task_core* task = nullptr;
  bool fork_child = false;
};

/// A multi-loop simulation runs the loops of a runtime in its own order; see testing/.
class loop_driver {
 public:
  /// Runs turns, of any loops, until `l` is asked to stop.
  virtual void drive(loop_core& l) = 0;

 protected:
  ~loop_driver() = default;
};

/// What a loop asks of the runtime that it works in. A loop of its own has none.
class peer_group {
 public:
  /// Takes a stealable task from somewhere else; it is now `thief`'s to run. Null if there seems to be none.
  virtual stolen steal(loop_core& thief) = 0;
  /// Stealable work appeared at a loop, whose release store came before: some sleeper is woken if nobody searches.
  virtual void work_added() noexcept = 0;
  /// Announces that `l` is about to sleep, and orders that before the checks that follow. Returns when to wake at the
  /// latest in order to look after stuck neighbours.
  virtual std::int64_t about_to_sleep(loop_core& l) = 0;
  /// `l` sleeps no more, or never did: `searches_on` if that is because there is stealable work after all.
  virtual void awake(loop_core& l, bool searches_on) noexcept = 0;
  /// `l` is about to run something, for the first time since it was awake: somebody has to watch it from now on.
  virtual void starts_work(loop_core& l) noexcept = 0;
  /// `l`, which is awake and has nothing to do, looks around: true if it counts as a searcher now, since nobody else does.
  virtual bool begin_search(loop_core& l) noexcept = 0;
  /// True if some loop has stealable work.
  [[nodiscard]] virtual bool anything_to_steal() const noexcept = 0;
  /// `l`, which was a searcher, has found work: `more` if there is more of it here than it runs next.
  virtual void found_work(loop_core& l, bool more) noexcept = 0;
  /// Calls `each` for all loops of the runtime.
  virtual void for_each_loop(void (*each)(loop_core&, void*), void* context) = 0;
  /// A chance to look after neighbours that are stuck in user code; called by a loop whose sleep has ended.
  virtual void look_after_others(loop_core& l) = 0;
  /// The same for a loop that works and may never sleep, at `now`. True if it made something ready.
  virtual bool look_between_turns(loop_core& l, std::int64_t now) = 0;
  /// The loop that run() waits for; null if none does.
  [[nodiscard]] virtual loop_core* awaited_loop() noexcept = 0;

 protected:
  ~peer_group() = default;
};

/// How a loop is set up.
struct loop_setup {
  time_source* clock = &time_source::steady();
  bool asyncio_order = true;
  bool debug = false;
  peer_group* peers = nullptr;
  void* owner = nullptr;                               // the runtime_core, also where there are no peers
  bool has_thread = false;                             // the runtime runs it: nobody else may
  const void* family = nullptr;                        // null: the loop itself
  parker* sleeper = nullptr;                           // null: a reactor of its own
  loop_driver* driver = nullptr;                       // null: the loop's own thread runs it
  int steps_a_turn = 61;                               // most steps between two looks at I/O, timers and inboxes
  std::int64_t queue_capacity = 256;                   // of the stealable queues at first, a power of two; they grow
  std::int64_t spin_before_park = 0;                   // ns
  const std::atomic<std::uint64_t>* idle = nullptr;    // the runtime's idle word
  std::atomic<std::uint64_t>* task_numbers = nullptr;  // shared by the loops of a runtime
  executor_slot* executor = nullptr;                   // likewise
};

}  // namespace gyre::detail
