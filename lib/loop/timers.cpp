// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/clock.hpp>
#include <gyre/loop/timers.hpp>

#include <mutex>

namespace gyre::detail {

// --- what both orders share -------------------------------------------------------------------------------------------

void timer_heap::place(std::size_t i, const entry& e) noexcept {
  if (e.node != nullptr) e.node->index_ = i;
  heap_[i] = e;
}

void timer_heap::publish_next() noexcept {
  next_.store(heap_.empty() ? never : heap_.front().deadline, std::memory_order_release);
}

void timer_heap::arm(timer_node& node, std::int64_t deadline) {
  const std::lock_guard hold(lock_);
  insert(node, deadline);  // may throw; the node is untouched then
  node.deadline_ = deadline;
  node.stage_.arm();
  publish_next();
}

void timer_heap::queue_now(timer_node& node, intrusive_list<runnable>& ring) noexcept {
  node.stage_.queue();
  ring.push_back(node);
}

bool timer_heap::take_back(timer_node& node) noexcept {
  const std::lock_guard hold(lock_);
  if (!node.stage_.is_armed()) return false;
  remove(node.index_);
  publish_next();
  node.stage_.take_back();
  return true;
}

bool timer_heap::disarm(timer_node& node) noexcept {
  if (take_back(node)) return true;
  // A direct node may be in the hands of another thread for some instructions more.
  if (node.stage_.settle() && node.linked()) {
    node.unlink();
    return true;
  }
  return false;
}

void timer_heap::begin_firing(timer_node& node) noexcept { node.stage_.begin_firing(); }

void timer_heap::fire(timer_node& node) noexcept {
  node.fire_(node);
  node.stage_.end_firing();  // last touch: disarm() lets the owner go
}

// --- by arrival -------------------------------------------------------------------------------------------------------

namespace {

// Four children a node: half the depth of a binary heap, and siblings share cache lines.
class arrival_heap final : public timer_heap {
 public:
  bool fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept override;
  bool fire_due_elsewhere(std::int64_t now) noexcept override;

 private:
  static constexpr std::size_t none = SIZE_MAX;
  [[nodiscard]] static bool before(const entry& a, const entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  }

  void insert(timer_node& node, std::int64_t deadline) override {
    heap_.push_back(entry{deadline, 0, nullptr});
    sift_up(heap_.size() - 1, entry{deadline, arrivals_++, &node});
  }
  void remove(std::size_t at) noexcept override;
  void sift_up(std::size_t i, entry e) noexcept;
  void sift_down(std::size_t i, entry e) noexcept;
  [[nodiscard]] std::size_t find_due_direct(std::size_t i, std::int64_t now) const noexcept;

  std::uint64_t arrivals_ = 0;
};

void arrival_heap::sift_up(std::size_t i, entry e) noexcept {
  while (i > 0) {
    const std::size_t parent = (i - 1) / 4;
    if (!before(e, heap_[parent])) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, e);
}

void arrival_heap::sift_down(std::size_t i, entry e) noexcept {
  const std::size_t n = heap_.size();
  for (;;) {
    const std::size_t first = 4 * i + 1;
    if (first >= n) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < n && child < first + 4; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], e)) break;
    place(i, heap_[least]);
    i = least;
  }
  place(i, e);
}

void arrival_heap::remove(std::size_t i) noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  if (i == heap_.size()) return;
  if (i > 0 && before(last, heap_[(i - 1) / 4])) {
    sift_up(i, last);
  } else {
    sift_down(i, last);
  }
}

bool arrival_heap::fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept {
  bool any = false;
  while (next_deadline() <= now) {
    timer_node* direct = nullptr;
    {
      const std::lock_guard hold(lock_);
      if (heap_.empty() || heap_.front().deadline > now) break;
      timer_node& node = *heap_.front().node;
      remove(0);
      publish_next();
      if (node.fires_directly()) {
        begin_firing(node);
        direct = &node;
      } else {
        queue_now(node, ring);
      }
    }
    if (direct != nullptr) fire(*direct);
    any = true;
  }
  return any;
}

// The entries that are due are the top of the heap: only those are walked.
std::size_t arrival_heap::find_due_direct(std::size_t i, std::int64_t now) const noexcept {
  if (i >= heap_.size() || heap_[i].deadline > now) return none;
  if (heap_[i].node->fires_directly()) return i;
  for (std::size_t child = 4 * i + 1; child <= 4 * i + 4; ++child) {
    if (const std::size_t found = find_due_direct(child, now); found != none) return found;
  }
  return none;
}

bool arrival_heap::fire_due_elsewhere(std::int64_t now) noexcept {
  bool any = false;
  while (next_deadline() <= now) {
    timer_node* direct = nullptr;
    {
      const std::lock_guard hold(lock_);
      const std::size_t i = find_due_direct(0, now);
      if (i == none) break;
      direct = heap_[i].node;
      remove(i);
      publish_next();
      begin_firing(*direct);
    }
    fire(*direct);
    any = true;
  }
  return any;
}

}  // namespace

std::unique_ptr<timer_heap> timer_heap::by_arrival() { return std::make_unique<arrival_heap>(); }

}  // namespace gyre::detail
