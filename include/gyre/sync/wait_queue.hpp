// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one list of waiting tasks that locks, semaphores, events and queues share.  Layer: sync.
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
#include <mutex>

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
  ~wake_list() {
    while (!tasks_.empty()) {
      auto& t = static_cast<task_core&>(tasks_.pop_front());
      t.at().enqueue(t);
    }
  }
  void add(task_core& t) noexcept { tasks_.push_back(t); }

 private:
  intrusive_list<runnable> tasks_;
};

/// First come, first served.   Thread: guarded by its primitive's lock.
class wait_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }

  void push_back(wait_node& node) noexcept { nodes_.push_back(node); }

  /// Grants to this node's task, if it still waits.
  static bool grant(wait_node& node, wake_list& woken) noexcept {
    if (node.granted || !node.task->state.claim()) return false;
    node.granted = true;
    woken.add(*node.task);
    return true;
  }

  /// Grants to the first task that waits and was not granted to yet; it stays in the list until it resumes.
  bool grant_next(wake_list& woken) noexcept {
    bool done = false;
    nodes_.for_each([&](wait_node& node) { done = done || grant(node, woken); });
    return done;
  }

  /// As grant_next, but granted and cancelled waiters leave the list on the way.
  bool pop_and_grant(wake_list& woken) noexcept {
    while (!nodes_.empty()) {
      if (grant(nodes_.pop_front(), woken)) return true;
    }
    return false;
  }

  void grant_all(wake_list& woken) noexcept {
    nodes_.for_each([&](wait_node& node) { grant(node, woken); });
  }

  [[nodiscard]] wait_node& front() noexcept { return nodes_.front(); }

  /// True if there is a waiter that a cancel has not ended.
  [[nodiscard]] bool has_live() const noexcept {
    bool live = false;
    const_cast<list&>(nodes_).for_each(
        [&](wait_node& node) { live = live || node.granted || !node.task->state.wait_ended_by_cancel(); });
    return live;
  }
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t n = 0;
    const_cast<list&>(nodes_).for_each([&](wait_node&) { ++n; });
    return n;
  }

 private:
  using list = intrusive_list<wait_node, wait_tag>;
  list nodes_;
};

/// Parks the task in `queue`. The caller holds `lock`; it is released here. Nothing of the frame may be touched afterwards.
inline void wait_in(wait_queue& queue, wait_node& node, std::unique_lock<spin_lock>& lock, task_core& t,
                    std::coroutine_handle<> at) noexcept {
  node.task = &t;
  node.granted = false;
  t.resume_point = at;
  queue.push_back(node);
  const bool parked = t.park_or_yield();
  lock.unlock();
  t.leave(parked);
}

}  // namespace gyre::detail
