// SPDX-License-Identifier: BSL-1.0
#pragma once
// The list behind every primitive, over the type of its tasks: the model checker's are not the library's (tests/model).
// Layer: sync.
//
// A primitive has one short lock and one or more lists. A waiter's node lives in the awaiting frame. Under the lock:
//
//   wait     links the node, then parks the task: a waker that sees the node can count on a parked task
//   grant    takes tasks to `ready` (claim) and notes them in their nodes; after the lock is released they are queued at
//            their homes. A waiter whose wait a cancel ended first refuses the claim: the grant goes to the next one
//   resume   the task itself unlinks its node; if it was cancelled after a grant, it hands the grant on
//   forget   a loop that closes destroys the frame of a waiter: that takes the lock and unlinks the node
//
// A waker may be a thread outside of the runtime, and a loop may close at any moment. Under the lock a node that is linked
// has a frame, hence a task and a home. After it a task that was claimed has them until it is queued: by begin_wake() its
// home does not close before. A home that closes already keeps its waiters, and the grant goes to the next one.
//
// Waiters are served first come, first served, over all loops.
#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/policy.hpp>

#include <cstddef>
#include <mutex>

namespace gyre::detail {

struct wait_tag {};

/// One waiting task. `granted` says whether a waker chose it. `in_wait`: whether its frame would be destroyed in mid-wait;
/// then that takes the lock, for a waker may be at the node just now, linked or not.
template <class Task, class Policy = std_policy>
struct basic_wait_node : list_link<wait_tag> {
  Task* task = nullptr;
  typename Policy::template var<bool> granted{false};  // under the primitive's lock
  bool in_wait = false;                                // the task's own, or of who destroys its frame
};

/// Tasks that were granted under a lock and are queued when it is free. Destroy after unlocking.
template <class Task>
class basic_wake_list {
 public:
  basic_wake_list() noexcept = default;
  basic_wake_list(const basic_wake_list&) = delete;
  basic_wake_list& operator=(const basic_wake_list&) = delete;
  [[gnu::always_inline]] ~basic_wake_list() {
    if (!tasks_.empty()) send();
  }

  /// Makes a parked task ready. False if something else has ended its wait, or if its home is closing.
  [[nodiscard]] bool claim(Task& t) noexcept {
    auto& home = t.at();  // stays so: a task that leaves its wait passes the lock before it parks again
    if (!home.begin_wake()) return false;
    if (!t.state.claim()) {
      home.end_wake();
      return false;
    }
    tasks_.push_back(t);
    return true;
  }
  /// Queues them now; the lock is free.
  void send() noexcept {
    while (!tasks_.empty()) {
      Task& t = tasks_.pop_front();
      auto& home = t.at();
      home.enqueue(t);
      home.end_wake();
    }
  }

 private:
  intrusive_list<Task> tasks_;
};

/// First come, first served: those who were looked at by a grant and have not resumed yet, then those who wait.
///
/// Thread:  guarded by its primitive's lock.
/// Cost:    O(1) a grant, over the life of a wait; O(waiters) for size().
template <class Task, class Policy = std_policy>
class basic_wait_queue {
 public:
  using node = basic_wait_node<Task, Policy>;
  using wake_list = basic_wake_list<Task>;

  [[nodiscard]] bool empty() const noexcept { return looked_at_.empty() && waiting_.empty(); }

  void push_back(node& n) noexcept { waiting_.push_back(n); }
  /// The end of a wait in this list, which the node may have left already.
  void remove(node& n) noexcept {
    n.in_wait = false;
    if (!n.linked()) return;
    if (n.granted) --granted_;
    n.unlink();
  }

  /// Grants to the very first waiter, if it was not granted to and no cancel has ended its wait.
  bool grant_first(wake_list& woken) noexcept {
    return looked_at_.empty() && !waiting_.empty() && grant(look_at_first(), woken);
  }

  /// Grants to the first task that waits and was not granted to yet; it stays in the list until it resumes.
  bool grant_next(wake_list& woken) noexcept {
    while (!waiting_.empty()) {
      if (grant(look_at_first(), woken)) return true;
    }
    return false;
  }

  void grant_all(wake_list& woken) noexcept {
    while (grant_next(woken)) {
    }
  }

  /// As grant_next, but granted and cancelled waiters leave the list on the way.
  [[gnu::always_inline]] bool pop_and_grant(wake_list& woken) noexcept {
    return !waiting_.empty() && pop_first_live(woken);
  }

  /// True if there is a waiter that a cancel has not ended.
  [[nodiscard]] bool has_live() noexcept {
    if (granted_ != 0) return true;
    while (!waiting_.empty()) {
      if (!waiting_.front().task->state.wait_ended_by_cancel()) return true;
      look_at_first();
    }
    return false;
  }

  /// Nobody is about to resume: so it is whenever no thread is at work.
  [[nodiscard]] bool settled() const noexcept { return looked_at_.empty() && granted_ == 0; }

  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t n = 0;
    const auto count = [&n](node&) { ++n; };
    const_cast<list&>(looked_at_).for_each(count);
    const_cast<list&>(waiting_).for_each(count);
    return n;
  }

 private:
  using list = intrusive_list<node, wait_tag>;

  GYRE_NOINLINE bool pop_first_live(wake_list& woken) noexcept {
    do {
      node& n = waiting_.pop_front();
      if (claim(n, woken)) return true;
    } while (!waiting_.empty());
    return false;
  }

  // The first of those who wait joins the others that are about to resume, whose order does not matter any more.
  node& look_at_first() noexcept {
    node& n = waiting_.pop_front();
    looked_at_.push_back(n);
    return n;
  }
  static bool claim(node& n, wake_list& woken) noexcept {
    if (!woken.claim(*n.task)) return false;
    n.granted = true;
    return true;
  }
  bool grant(node& n, wake_list& woken) noexcept {
    if (!claim(n, woken)) return false;
    ++granted_;
    return true;
  }

  list looked_at_;  // granted, or ended by a cancel; to be unlinked when they resume
  list waiting_;
  typename Policy::template var<std::size_t> granted_{0};
};

/// What a task that is parked in `waiters` has lost by the others there, at a moment when no thread is at work; or null.
template <class Task, class Policy>
[[nodiscard]] const char* lost_in(const basic_wait_queue<Task, Policy>& waiters) noexcept {
  return waiters.settled() ? nullptr : "waits behind a task that was woken and has not gone on";
}

/// Links the task's node and parks the task; what it gives goes to leave() once the lock is free. Nothing of the frame may
/// be touched after the lock is free.
template <class Task, class Policy, class At>
[[nodiscard]] bool park_in(basic_wait_queue<Task, Policy>& queue, basic_wait_node<Task, Policy>& node, Task& t,
                           At at) noexcept {
  node.task = &t;
  node.granted = false;
  node.in_wait = true;
  t.resume_point = at;
  queue.push_back(node);
  return t.park_or_yield();
}

/// Parks the task in `queue`. The caller holds `lock`; it is released here. Nothing of the frame may be touched afterwards.
template <class Task, class Policy, class Lock, class At>
void wait_in(basic_wait_queue<Task, Policy>& queue, basic_wait_node<Task, Policy>& node, Lock& lock, Task& t,
             At at) noexcept {
  const bool parked = park_in(queue, node, t, at);
  lock.unlock();
  t.leave(parked);
}

}  // namespace gyre::detail
