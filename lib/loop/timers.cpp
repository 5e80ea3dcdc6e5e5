// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/clock.hpp>
#include <gyre/base/relax.hpp>
#include <gyre/loop/timers.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace gyre::detail {

void timer_heap::place(std::size_t i, const entry& e) noexcept {
  if (e.node != nullptr) e.node->index_ = i;
  heap_[i] = e;
}

void timer_heap::sift_up(std::size_t i, entry e) noexcept {
  while (i > 0) {
    const std::size_t parent = (i - 1) / 4;
    if (!e.before(heap_[parent])) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, e);
}

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
  const std::size_t n = heap_.size();
  for (;;) {
    const std::size_t first = 4 * i + 1;
    if (first >= n) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < n && child < first + 4; ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(e)) break;
    place(i, heap_[least]);
    i = least;
  }
  place(i, e);
}

void timer_heap::remove_at(std::size_t i) noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  if (i == heap_.size()) return;
  if (i > 0 && last.before(heap_[(i - 1) / 4])) {
    sift_up(i, last);
  } else {
    sift_down(i, last);
  }
}

void timer_heap::publish_next() noexcept {
  next_.store(heap_.empty() ? never : heap_.front().deadline, std::memory_order_release);
}

void timer_heap::arm(timer_node& node, std::int64_t deadline) {
  const std::lock_guard hold(lock_);
  node.deadline_ = deadline;
  heap_.push_back(entry{deadline, 0, nullptr});  // may throw; the node is untouched then
  node.stage_.store(timer_node::stage::armed, std::memory_order_relaxed);
  if (cpython_order_) {
    rise(0, heap_.size() - 1, entry{deadline, 0, &node});
  } else {
    sift_up(heap_.size() - 1, entry{deadline, arrivals_++, &node});
  }
  publish_next();
}

void timer_heap::queue_now(timer_node& node, intrusive_list<runnable>& ring) noexcept {
  node.stage_.store(timer_node::stage::queued, std::memory_order_relaxed);
  ring.push_back(node);
}

bool timer_heap::take_back(timer_node& node) noexcept {
  using stage = timer_node::stage;
  const std::lock_guard hold(lock_);
  if (node.stage_.load(std::memory_order_relaxed) != stage::armed) return false;
  if (cpython_order_) {
    heap_[node.index_].node = nullptr;
    ++cancelled_;
  } else {
    remove_at(node.index_);
    publish_next();
  }
  node.stage_.store(stage::idle, std::memory_order_relaxed);
  return true;
}

bool timer_heap::disarm(timer_node& node) noexcept {
  using stage = timer_node::stage;
  if (take_back(node)) return true;
  // A direct node may be in the hands of another thread for some instructions more.
  for (backoff pause; node.stage_.load(std::memory_order_acquire) == stage::firing;) pause.once();
  if (node.stage_.exchange(stage::idle, std::memory_order_relaxed) == stage::queued && node.linked()) {
    node.unlink();
    return true;
  }
  return false;
}

void timer_heap::fire(timer_node& node) noexcept {
  node.fire_(node);
  node.stage_.store(timer_node::stage::fired, std::memory_order_release);  // last touch: disarm() lets the owner go
}

// --- CPython's order --------------------------------------------------------------------------------------------------
// The algorithms of Python's heapq and of the event loop's _run_once: what they do with equal deadlines shows in the order
// of a program's steps.

void timer_heap::rise(std::size_t top, std::size_t i, entry e) noexcept {
  while (i > top) {
    const std::size_t parent = (i - 1) / 2;
    if (e.deadline >= heap_[parent].deadline) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, e);
}

// Down to a leaf, always to the smaller child (of equal ones the right), and up again from there.
void timer_heap::settle(std::size_t top, entry e) noexcept {
  const std::size_t n = heap_.size();
  std::size_t i = top;
  for (std::size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && heap_[child].deadline >= heap_[child + 1].deadline) ++child;
    place(i, heap_[child]);
    i = child;
  }
  rise(top, i, e);
}

timer_heap::entry timer_heap::pop_front() noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  if (heap_.empty()) return last;
  const entry first = heap_.front();
  settle(0, last);
  return first;
}

void timer_heap::drop_cancelled() noexcept {
  constexpr std::size_t few = 100;
  if (heap_.size() <= few || cancelled_ * 2 <= heap_.size()) {
    for (; !heap_.empty() && heap_.front().node == nullptr; --cancelled_) pop_front();
    return;
  }
  std::erase_if(heap_, [](const entry& e) { return e.node == nullptr; });
  for (std::size_t i = 0; i < heap_.size(); ++i) heap_[i].node->index_ = i;
  for (std::size_t i = heap_.size() / 2; i-- > 0;) settle(i, heap_[i]);
  cancelled_ = 0;
}

bool timer_heap::queue_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept {
  bool any = false;
  const std::lock_guard hold(lock_);
  drop_cancelled();
  while (!heap_.empty() && heap_.front().deadline <= now) {
    timer_node* node = pop_front().node;
    if (node == nullptr) continue;  // CPython does not take it off its count either
    node->stage_.store(timer_node::stage::queued, std::memory_order_relaxed);
    ring.push_back(*node);
    any = true;
  }
  publish_next();
  return any;
}

bool timer_heap::fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept {
  if (cpython_order_) return queue_due(now, ring);
  bool any = false;
  while (next_deadline() <= now) {
    timer_node* direct = nullptr;
    {
      const std::lock_guard hold(lock_);
      if (heap_.empty() || heap_.front().deadline > now) break;
      timer_node& node = *heap_.front().node;
      remove_at(0);
      publish_next();
      if (node.direct_) {
        node.stage_.store(timer_node::stage::firing, std::memory_order_relaxed);
        direct = &node;
      } else {
        node.stage_.store(timer_node::stage::queued, std::memory_order_relaxed);
        ring.push_back(node);
      }
    }
    if (direct != nullptr) fire(*direct);
    any = true;
  }
  return any;
}

// The entries that are due are the top of the heap: only those are walked.
std::size_t timer_heap::find_due_direct(std::size_t i, std::int64_t now) const noexcept {
  if (i >= heap_.size() || heap_[i].deadline > now) return none;
  if (heap_[i].node->direct_) return i;
  for (std::size_t child = 4 * i + 1; child <= 4 * i + 4; ++child) {
    if (const std::size_t found = find_due_direct(child, now); found != none) return found;
  }
  return none;
}

bool timer_heap::fire_due_elsewhere(std::int64_t now) noexcept {
  if (cpython_order_) return false;
  bool any = false;
  while (next_deadline() <= now) {
    timer_node* direct = nullptr;
    {
      const std::lock_guard hold(lock_);
      const std::size_t i = find_due_direct(0, now);
      if (i == none) break;
      direct = heap_[i].node;
      remove_at(i);
      publish_next();
      direct->stage_.store(timer_node::stage::firing, std::memory_order_relaxed);
    }
    fire(*direct);
    any = true;
  }
  return any;
}

}  // namespace gyre::detail
