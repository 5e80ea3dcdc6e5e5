// SPDX-License-Identifier: BSL-1.0
// The algorithms of Python's heapq and of the event loop's _run_once: what they do with equal deadlines shows in the order
// of a program's steps.
#include <gyre/base/clock.hpp>
#include <gyre/loop/timers.hpp>

#include <algorithm>
#include <mutex>

namespace gyre::detail {
namespace {

// A binary heap. A cancelled entry has no node; it stays until it comes to the top, or there are too many.
class cpython_heap final : public timer_heap {
 public:
  bool fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept override;
  bool fire_due_elsewhere(std::int64_t) noexcept override { return false; }  // no node is direct

 private:
  void insert(timer_node& node, std::int64_t deadline) override {
    heap_.push_back(entry{deadline, 0, nullptr});
    rise(0, heap_.size() - 1, entry{deadline, 0, &node});
  }
  void remove(timer_node& node) noexcept override {
    heap_[place_of(node)].node = nullptr;
    ++cancelled_;
  }
  [[nodiscard]] std::int64_t earliest() const noexcept override {
    return heap_.empty() ? never : heap_.front().deadline;
  }
  void rise(std::size_t top, std::size_t i, entry e) noexcept;
  void settle(std::size_t top, entry e) noexcept;
  entry pop_front() noexcept;
  void drop_cancelled() noexcept;

  std::size_t cancelled_ = 0;  // as CPython counts them
};

void cpython_heap::rise(std::size_t top, std::size_t i, entry e) noexcept {
  while (i > top) {
    const std::size_t parent = (i - 1) / 2;
    if (e.deadline >= heap_[parent].deadline) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, e);
}

// Down to a leaf, always to the smaller child (of equal ones the right), and up again from there.
void cpython_heap::settle(std::size_t top, entry e) noexcept {
  const std::size_t n = heap_.size();
  std::size_t i = top;
  for (std::size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && heap_[child].deadline >= heap_[child + 1].deadline) ++child;
    place(i, heap_[child]);
    i = child;
  }
  rise(top, i, e);
}

timer_heap::entry cpython_heap::pop_front() noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  if (heap_.empty()) return last;
  const entry first = heap_.front();
  settle(0, last);
  return first;
}

void cpython_heap::drop_cancelled() noexcept {
  constexpr std::size_t few = 100;
  if (heap_.size() <= few || cancelled_ * 2 <= heap_.size()) {
    for (; !heap_.empty() && heap_.front().node == nullptr; --cancelled_) pop_front();
    return;
  }
  std::erase_if(heap_, [](const entry& e) { return e.node == nullptr; });
  for (std::size_t i = 0; i < heap_.size(); ++i) place(i, heap_[i]);
  for (std::size_t i = heap_.size() / 2; i-- > 0;) settle(i, heap_[i]);
  cancelled_ = 0;
}

bool cpython_heap::fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept {
  bool any = false;
  const std::lock_guard hold(lock_);
  drop_cancelled();
  while (!heap_.empty() && heap_.front().deadline <= now) {
    timer_node* node = pop_front().node;
    if (node == nullptr) continue;  // CPython does not take it off its count either
    queue_now(*node, ring);
    any = true;
  }
  publish_next();
  return any;
}

}  // namespace

std::unique_ptr<timer_heap> timer_heap::as_cpython() { return std::make_unique<cpython_heap>(); }

}  // namespace gyre::detail
