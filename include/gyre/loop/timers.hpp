// SPDX-License-Identifier: BSL-1.0
#pragma once
// A loop's timers: by deadline on the loop's clock, insert and cancel in place, nodes in their owners.  Layer: loop.
// Bodies: lib/loop/timers.cpp, lib/loop/cpython_timers.cpp
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/runnable.hpp>
#include <gyre/loop/timer_stage.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace gyre::detail {

class home;

/// What is to happen at a point of the clock. Lives in an awaiting frame or in a handle.
///
///   Only a node that is `direct` is fired by the thread that finds it due, possibly not its loop's; disarm() waits for the
///   end of a firing, so that the node's owner may go as soon as disarm() has returned.
class timer_node : public runnable {
 public:
  /// `direct` nodes are fired where they are found due, by `fire`; the others have their turn (`entry`) in the ring of
  /// their loop, one step later, as in asyncio.
  timer_node(void (*fire)(timer_node&) noexcept, function entry, bool direct) noexcept
      : runnable(entry), fire_(fire), direct_(direct) {}

  /// Where it is to be fired from the next arm() on.
  void fire_directly(bool direct) noexcept { direct_ = direct; }
  [[nodiscard]] bool fires_directly() const noexcept { return direct_; }

  [[nodiscard]] std::int64_t deadline() const noexcept { return deadline_; }
  /// Whether it is in a heap.   Thread: who holds that heap's lock, or any when no thread is at work.
  [[nodiscard]] bool is_armed() const noexcept { return stage_.is_armed(); }

 protected:
  ~timer_node() = default;

 private:
  friend class timer_heap;

  void (*fire_)(timer_node&) noexcept;
  std::int64_t deadline_ = 0;
  std::uint64_t place_ = 0;  // where it is among the timers: for the class that has it
  basic_timer_stage<> stage_;
  bool direct_;
};

/// The timers of a loop by deadline. Which of two with the same deadline comes first, and when cancelled ones leave, is the
/// matter of the class derived from it.
///
/// Thread:  guarded by its own short lock; who may call what is said at each member.
class timer_heap {
 public:
  /// Equal deadlines by arrival; nodes may be direct. A clock that is far from `now` costs some instructions.
  [[nodiscard]] static std::unique_ptr<timer_heap> by_arrival(std::int64_t now);
  /// Equal deadlines as CPython's loop has them; for nodes that are not direct.   Body: lib/loop/cpython_timers.cpp
  [[nodiscard]] static std::unique_ptr<timer_heap> as_cpython();

  timer_heap(const timer_heap&) = delete;
  timer_heap& operator=(const timer_heap&) = delete;
  virtual ~timer_heap() = default;

  /// Adds a node that is in no heap.   Thread: any; who is not the loop wakes it, since it may sleep past the deadline.
  void arm(timer_node& node, std::int64_t deadline);

  /// Gives a node that is not direct its turn in `ring` right away.   Thread: the loop's.
  static void queue_now(timer_node& node, intrusive_list<runnable>& ring) noexcept;

  /// Takes a node back, whatever became of it. True if it had not come due.   Thread: any for direct nodes, else the loop's.
  bool disarm(timer_node& node) noexcept;

  /// Takes a node back if it has not come due yet; false if it has.   Thread: any.
  bool take_back(timer_node& node) noexcept;

  /// The earliest deadline, `never` if there is none. A cheap read that may be older by an instant: it orders nothing, what
  /// is due is taken under the lock.   Thread: any.
  [[nodiscard]] std::int64_t next_deadline() const noexcept { return next_.load(std::memory_order_relaxed); }

  /// Fires the direct nodes due at `now` and puts the others into `ring`, in order. Returns whether any was due.
  /// Thread:  the loop's.
  virtual bool fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept = 0;

  /// Fires the direct nodes only.   Thread: any; for a loop that is stuck in user code.
  virtual bool fire_due_elsewhere(std::int64_t now) noexcept = 0;

 protected:
  timer_heap() = default;

  struct entry {
    std::int64_t deadline;
    std::uint64_t order;
    timer_node* node;
  };

  // Under the lock. insert() may throw, and has changed nothing then.
  virtual void insert(timer_node& node, std::int64_t deadline) = 0;
  virtual void remove(timer_node& node) noexcept = 0;
  /// The earliest deadline.
  [[nodiscard]] virtual std::int64_t earliest() const noexcept = 0;

  void publish_next() noexcept { next_.store(earliest(), std::memory_order_relaxed); }

  [[nodiscard]] static std::uint64_t& place_of(timer_node& node) noexcept { return node.place_; }
  void place(std::size_t i, const entry& e) noexcept {
    if (e.node != nullptr) e.node->place_ = i;
    heap_[i] = e;
  }
  /// A direct node has left the heap: fire() follows without the lock.
  static void begin_firing(timer_node& node) noexcept;
  static void fire(timer_node& node) noexcept;

  mutable spin_lock lock_;
  std::vector<entry> heap_;  // of as_cpython() all of them, of by_arrival() those that are due soon

 private:
  std::atomic<std::int64_t> next_{INT64_MAX};
};

/// Arms and disarms at the heap of a task's or callback's loop.
void arm_timer(home& loop, timer_node& node, std::int64_t deadline);
bool disarm_timer(home& loop, timer_node& node) noexcept;
bool take_back_timer(home& loop, timer_node& node) noexcept;
/// As call_soon: a node that is not direct goes into its loop's ring; a direct one is due at once.
void arm_timer_now(home& loop, timer_node& node);
[[nodiscard]] std::int64_t now_of(const home& loop) noexcept;
/// Whether it is one of several loops, to which its tasks may move.
[[nodiscard]] bool has_neighbours(const home& loop) noexcept;

}  // namespace gyre::detail
