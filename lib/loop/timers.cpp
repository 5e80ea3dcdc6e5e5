// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/clock.hpp>
#include <gyre/loop/timers.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <mutex>

namespace gyre::detail {

// --- what both orders share -------------------------------------------------------------------------------------------

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
  remove(node);
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

constexpr int tick_bits = 22;  // 4.2 ms
constexpr int digit_bits = 8;
constexpr std::size_t digits = std::size_t{1} << digit_bits;
constexpr int levels = (64 - tick_bits + digit_bits - 1) / digit_bits;

[[nodiscard]] std::uint64_t tick_of(std::int64_t deadline) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(deadline, 0)) >> tick_bits;
}

// Timers of one digit of their ticks, in the order of their arrival.
struct slot {
  intrusive_list<runnable> nodes;
  std::int64_t earliest = never;  // or something before, if the earliest one was taken back
};

// The slots of one digit, and which of them are not empty.
struct level {
  std::array<slot, digits> slots;
  std::array<std::uint64_t, digits / 64> used{};

  void mark(std::size_t i) noexcept { used[i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(std::size_t i) noexcept {
    used[i / 64] &= ~(std::uint64_t{1} << (i % 64));
    slots[i].earliest = never;
  }
  [[nodiscard]] std::size_t first() const noexcept {
    for (std::size_t w = 0; w < used.size(); ++w) {
      if (used[w] != 0) return w * 64 + static_cast<std::size_t>(std::countr_zero(used[w]));
    }
    return digits;
  }
};

// A heap of the timers that are due within the current tick, and a wheel of the later ones.
//
//   now_tick_  what is due in this tick or before is in the heap. It goes up when something is due, never down.
//   levels_    a later timer is in the level of the highest digit in which its tick differs from now_tick_, in the slot of
//              that digit. It stays the right one: before now_tick_ reaches the digit, all digits above are equal.
//
// To arm a timer far away and to take it back is to link and unlink it; one that comes due has moved down at most once a
// level, and the heap stays small, with its nodes in the cache. The heap has four children a node: half the depth of a
// binary one, and siblings share cache lines.
class arrival_heap final : public timer_heap {
 public:
  explicit arrival_heap(std::int64_t now) noexcept : now_tick_(tick_of(now)) {}
  bool fire_due(std::int64_t now, intrusive_list<runnable>& ring) noexcept override;
  bool fire_due_elsewhere(std::int64_t now) noexcept override;

 private:
  static constexpr std::size_t none = SIZE_MAX;
  [[nodiscard]] static bool before(const entry& a, const entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  }

  void insert(timer_node& node, std::int64_t deadline) override;
  void remove(timer_node& node) noexcept override;
  [[nodiscard]] std::int64_t earliest() const noexcept override { return earliest_; }
  [[nodiscard]] std::int64_t find_earliest() const noexcept;

  [[nodiscard]] int level_of(std::uint64_t tick) const noexcept {
    return (63 - std::countl_zero(tick ^ now_tick_)) / digit_bits;
  }
  [[nodiscard]] static std::size_t digit_of(std::uint64_t tick, int l) noexcept {
    return (tick >> (l * digit_bits)) % digits;
  }
  void insert_soon(timer_node& node, std::int64_t deadline, std::uint64_t order) noexcept;
  void link(timer_node& node, std::int64_t deadline, std::uint64_t tick, int l) noexcept;
  [[nodiscard]] int first_level() const noexcept;
  void make_levels(int highest);
  void make_room();
  void advance(std::int64_t now) noexcept;
  void place_again(timer_node& node) noexcept;
  void remove_soon(std::size_t at) noexcept;
  void sift_up(std::size_t i, entry e) noexcept;
  void sift_down(std::size_t i, entry e) noexcept;
  [[nodiscard]] std::size_t find_due_direct(std::size_t i, std::int64_t now) const noexcept;

  std::uint64_t arrivals_ = 0;
  std::uint64_t now_tick_;
  std::int64_t earliest_ = never;
  std::size_t armed_ = 0;  // the heap has room for them all: what comes due must find its place
  std::array<std::unique_ptr<level>, levels> levels_;  // made when they are needed
};

void arrival_heap::insert(timer_node& node, std::int64_t deadline) {
  make_room();
  const std::uint64_t tick = tick_of(deadline);
  if (tick <= now_tick_) {
    insert_soon(node, deadline, arrivals_);
  } else {
    const int l = level_of(tick);
    if (levels_[l] == nullptr) [[unlikely]]
      make_levels(l);
    place_of(node) = arrivals_;
    link(node, deadline, tick, l);
  }
  earliest_ = std::min(earliest_, deadline);
  ++arrivals_;
  ++armed_;
}

// With those below: a timer may move down through them all.
void arrival_heap::make_levels(int highest) {
  for (int l = 0; l <= highest; ++l) {
    if (levels_[l] == nullptr) levels_[l] = std::make_unique<level>();
  }
}

void arrival_heap::make_room() {
  constexpr std::size_t few = 16;
  if (armed_ == heap_.capacity()) heap_.reserve(std::max(few, armed_ * 2));
}

void arrival_heap::insert_soon(timer_node& node, std::int64_t deadline, std::uint64_t order) noexcept {
  heap_.push_back(entry{deadline, 0, nullptr});
  sift_up(heap_.size() - 1, entry{deadline, order, &node});
}

void arrival_heap::link(timer_node& node, std::int64_t deadline, std::uint64_t tick, int l) noexcept {
  const std::size_t i = digit_of(tick, l);
  slot& at = levels_[l]->slots[i];
  at.nodes.push_back(node);
  at.earliest = std::min(at.earliest, deadline);
  levels_[l]->mark(i);
}

void arrival_heap::remove(timer_node& node) noexcept {
  if (node.linked()) {
    node.unlink();
    const std::uint64_t tick = tick_of(node.deadline());
    const int l = level_of(tick);
    const std::size_t i = digit_of(tick, l);
    if (levels_[l]->slots[i].nodes.empty()) levels_[l]->clear(i);
  } else {
    remove_soon(place_of(node));
  }
  --armed_;
  if (node.deadline() == earliest_) earliest_ = find_earliest();
}

// All slots of a level come before those of the levels above.
int arrival_heap::first_level() const noexcept {
  int l = 0;
  while (l < levels && (levels_[l] == nullptr || levels_[l]->first() == digits)) ++l;
  return l;
}

std::int64_t arrival_heap::find_earliest() const noexcept {
  if (armed_ == 0) return never;
  if (!heap_.empty()) return heap_.front().deadline;
  const int l = first_level();
  return l == levels ? never : levels_[l]->slots[levels_[l]->first()].earliest;
}

// What is due by `now` goes into the heap, with all of its tick.
void arrival_heap::advance(std::int64_t now) noexcept {
  const std::uint64_t tick = tick_of(now);
  if (tick <= now_tick_) return;
  for (int l = first_level(); l != levels; l = first_level()) {
    const std::size_t i = levels_[l]->first();
    const int above = (l + 1) * digit_bits;
    const std::uint64_t start = (now_tick_ >> above << above) | (std::uint64_t{i} << (l * digit_bits));
    if (start > tick) break;
    now_tick_ = start;
    intrusive_list<runnable> moved;
    moved.splice_back(levels_[l]->slots[i].nodes);
    levels_[l]->clear(i);
    while (!moved.empty()) place_again(static_cast<timer_node&>(moved.pop_front()));
  }
  now_tick_ = tick;
}

void arrival_heap::place_again(timer_node& node) noexcept {
  const std::uint64_t tick = tick_of(node.deadline());
  if (tick <= now_tick_) {
    insert_soon(node, node.deadline(), place_of(node));
  } else {
    link(node, node.deadline(), tick, level_of(tick));
  }
}

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

void arrival_heap::remove_soon(std::size_t i) noexcept {
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
      advance(now);
      if (heap_.empty() || heap_.front().deadline > now) {
        earliest_ = find_earliest();  // what was taken back may have left its mark
        publish_next();
        break;
      }
      timer_node& node = *heap_.front().node;
      remove(node);
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
      advance(now);
      const std::size_t i = find_due_direct(0, now);
      if (i != none) {
        direct = heap_[i].node;
        remove(*direct);
      } else {
        earliest_ = find_earliest();
      }
      publish_next();
      if (i == none) break;
      begin_firing(*direct);
    }
    fire(*direct);
    any = true;
  }
  return any;
}

}  // namespace

std::unique_ptr<timer_heap> timer_heap::by_arrival(std::int64_t now) { return std::make_unique<arrival_heap>(now); }

}  // namespace gyre::detail
