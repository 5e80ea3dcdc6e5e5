// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one list of waiting tasks that all primitives share.  Layer: sync.  Bodies: lib/sync/wait_queue.cpp
//
// A primitive has one short lock and one or more lists. A waiter's node lives in the awaiting frame. Under the lock:
//
//   wait     links the node, then parks the task: a waker that sees the node can count on a parked task
//   grant    takes tasks to `ready` (claim) and notes them in their nodes; after the lock is released they are queued at
//            their homes. A waiter whose wait a cancel ended first refuses the claim: the grant goes to the next one
//   resume   the task itself unlinks its node; if it was cancelled after a grant, it hands the grant on
//
// Waiters are served first come, first served, over all loops.
#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>

#include <coroutine>
#include <cstddef>
#include <mutex>
#include <string>

namespace gyre::detail {

struct wait_tag {};

/// One waiting task. `granted` says whether a waker chose it.
struct wait_node : list_link<wait_tag> {
  task_core* task = nullptr;
  bool granted = false;
};

/// Tasks that were granted under a lock and are queued when it is free. Destroy after unlocking.
class wake_list {
 public:
  wake_list() noexcept = default;
  wake_list(const wake_list&) = delete;
  wake_list& operator=(const wake_list&) = delete;
  ~wake_list() { send(); }

  void add(task_core& t) noexcept { tasks_.push_back(t); }
  /// Queues them now; the lock is free.
  void send() noexcept {
    while (!tasks_.empty()) {
      auto& t = static_cast<task_core&>(tasks_.pop_front());
      t.at().enqueue(t);
    }
  }

 private:
  intrusive_list<runnable> tasks_;
};

/// First come, first served: those who were looked at by a grant and have not resumed yet, then those who wait.
///
/// Thread:  guarded by its primitive's lock.
/// Cost:    O(1) a grant, over the life of a wait; O(waiters) for size().
class wait_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return looked_at_.empty() && waiting_.empty(); }

  void push_back(wait_node& node) noexcept { waiting_.push_back(node); }
  /// Shape:   the node is in this list.
  void remove(wait_node& node) noexcept {
    if (node.granted) --granted_;
    node.unlink();
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
  bool pop_and_grant(wake_list& woken) noexcept {
    while (!waiting_.empty()) {
      wait_node& node = waiting_.pop_front();
      if (claim(node, woken)) return true;
    }
    return false;
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

  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t n = 0;
    const auto count = [&n](wait_node&) { ++n; };
    const_cast<list&>(looked_at_).for_each(count);
    const_cast<list&>(waiting_).for_each(count);
    return n;
  }

 private:
  using list = intrusive_list<wait_node, wait_tag>;

  // The first of those who wait joins the others that are about to resume. It came after all of them.
  wait_node& look_at_first() noexcept {
    wait_node& node = waiting_.pop_front();
    looked_at_.push_back(node);
    return node;
  }
  static bool claim(wait_node& node, wake_list& woken) noexcept {
    if (!node.task->state.claim()) return false;
    node.granted = true;
    woken.add(*node.task);
    return true;
  }
  bool grant(wait_node& node, wake_list& woken) noexcept {
    if (!claim(node, woken)) return false;
    ++granted_;
    return true;
  }

  list looked_at_;  // granted, or ended by a cancel; to be unlinked when they resume
  list waiting_;
  std::size_t granted_ = 0;
};

/// Links the task's node and parks the task; what it gives goes to leave() once the lock is free. Nothing of the frame may
/// be touched after the lock is free.
[[nodiscard]] inline bool park_in(wait_queue& queue, wait_node& node, task_core& t, std::coroutine_handle<> at) noexcept {
  node.task = &t;
  node.granted = false;
  t.resume_point = at;
  queue.push_back(node);
  return t.park_or_yield();
}

/// Parks the task in `queue`. The caller holds `lock`; it is released here. Nothing of the frame may be touched afterwards.
inline void wait_in(wait_queue& queue, wait_node& node, std::unique_lock<spin_lock>& lock, task_core& t,
                    std::coroutine_handle<> at) noexcept {
  const bool parked = park_in(queue, node, t, at);
  lock.unlock();
  t.leave(parked);
}

/// `, waiters:2`, or nothing if there are none.
void append_waiters(std::string& out, std::size_t count);

}  // namespace gyre::detail
