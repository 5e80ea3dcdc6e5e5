// SPDX-License-Identifier: BSL-1.0
#pragma once
// The containers of queues, one for each order in which items come out.  Layer: sync.
//
// They hold cells (see queue_parcel.hpp) and are used under the queue's spin lock. Memory for new cells is made before the
// lock, and what is in a container never moves to larger memory.
//
// A container has kind (its Python name), size(), for_each(f), swap(storage&); push(cell), if has_room(); pop(), if it is
// not empty. To get room: read capacity(), free the lock, call allocate(capacity), take the lock, accept(memory, capacity),
// and look at has_room() again.
#include <gyre/sync/queue_parcel.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

namespace gyre::detail {

/// How many items there are: changed under the queue's lock, looked at by anybody, for whom it may be out of date.
class item_count {
 public:
  [[gnu::always_inline]] operator std::size_t() const noexcept {  // NOLINT: it is a number
    return n_.load(std::memory_order_relaxed);
  }
  [[gnu::always_inline]] void operator=(std::size_t n) noexcept { n_.store(n, std::memory_order_relaxed); }
  void swap(item_count& other) noexcept { other = std::size_t(n_.exchange(other, std::memory_order_relaxed)); }

 private:
  std::atomic<std::size_t> n_{0};
};

/// First in, first out: a chain of segments. Those that are empty stay for later.
template <class T>
class fifo_items {
 public:
  using cell = typename parcel<T>::cell;
  using storage = fifo_items;
  static constexpr const char* kind = "Queue";

  static constexpr std::size_t segment_cells = sizeof(cell) > 62 ? 8 : 496 / sizeof(cell);
  struct segment : pooled {
    segment() noexcept {}  // NOLINT: the cells stay unconstructed
    std::unique_ptr<segment> next;
    union {
      cell cells[segment_cells];
    };
  };
  using memory = std::unique_ptr<segment>;

  fifo_items() noexcept = default;
  fifo_items(const fifo_items&) = delete;
  fifo_items& operator=(const fifo_items&) = delete;
  ~fifo_items() {
    while (size_ != 0) static_cast<void>(parcel<T>(pop()));
    while (first_ != nullptr) first_ = std::move(first_->next);
    while (spare_ != nullptr) spare_ = std::move(spare_->next);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool has_room() const noexcept {
    return (last_ != nullptr && end_ != segment_cells) || spare_ != nullptr;
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return 0; }
  [[nodiscard]] static memory allocate(std::size_t) { return std::make_unique<segment>(); }
  void accept(memory& more, std::size_t) noexcept { keep(std::move(more)); }

  [[gnu::always_inline]] void push(const cell& c) noexcept {
    if (last_ == nullptr || end_ == segment_cells) append_segment();
    std::construct_at(last_->cells + end_, c);
    ++end_;
    size_ = size_ + 1;
  }
  [[gnu::always_inline]] cell pop() noexcept {
    const cell c = first_->cells[begin_];
    const std::size_t left = size_ - 1;
    size_ = left;
    if (left == 0) {
      begin_ = end_ = 0;  // of the same, only segment
    } else if (++begin_ == segment_cells) {
      memory next = std::move(first_->next);
      keep(std::exchange(first_, std::move(next)));
      begin_ = 0;
    }
    return c;
  }
  template <class F>
  void for_each(F f) const {
    const segment* at = first_.get();
    std::size_t place = begin_;
    for (std::size_t left = size_; left != 0; --left) {
      if (place == segment_cells) {
        at = at->next.get();
        place = 0;
      }
      f(at->cells[place++]);
    }
  }
  void swap(storage& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(spare_, other.spare_);
    std::swap(last_, other.last_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    size_.swap(other.size_);
  }

 private:
  void keep(memory empty) noexcept {
    empty->next = std::move(spare_);
    spare_ = std::move(empty);
  }
  GYRE_NOINLINE void append_segment() noexcept {
    memory fresh = std::move(spare_);
    spare_ = std::move(fresh->next);
    memory& place = last_ == nullptr ? first_ : last_->next;
    last_ = fresh.get();
    place = std::move(fresh);
    end_ = 0;
  }

  memory first_;
  memory spare_;
  segment* last_ = nullptr;
  std::size_t begin_ = 0;  // in first_
  std::size_t end_ = 0;    // in last_
  item_count size_;
};

/// Numbered cells in parts, each as large as all before it: what is there never moves.
template <class T>
class growing_items {
 public:
  using cell = typename parcel<T>::cell;
  using storage = growing_items;

  struct part_deleter {
    std::size_t cells = 0;
    void operator()(cell* part) const noexcept { pool_deallocate(part, cells * sizeof(cell)); }
  };
  using memory = std::unique_ptr<cell, part_deleter>;

  growing_items() noexcept = default;
  growing_items(const growing_items&) = delete;
  growing_items& operator=(const growing_items&) = delete;
  ~growing_items() {
    for (std::size_t left = size_; left != 0; --left) static_cast<void>(parcel<T>(at(left - 1)));
    for (std::size_t k = 0; k < parts_in_use_; ++k) part_deleter{first_part << k}(parts_[k]);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool has_room() const noexcept { return size_ != capacity(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return (first_part << parts_in_use_) - first_part; }
  [[nodiscard]] static memory allocate(std::size_t capacity) {
    const std::size_t cells = capacity + first_part;
    return memory(static_cast<cell*>(pool_allocate(cells * sizeof(cell))), part_deleter{cells});
  }
  /// Takes `more`, unless others have made room meanwhile.
  void accept(memory& more, std::size_t capacity_then) noexcept {
    if (capacity_then == capacity()) parts_[parts_in_use_++] = more.release();
  }
  template <class F>
  void for_each(F f) const {
    for (std::size_t i = 0; i < size_; ++i) f(at(i));
  }
  void swap(storage& other) noexcept {
    std::swap(parts_, other.parts_);
    std::swap(parts_in_use_, other.parts_in_use_);
    size_.swap(other.size_);
  }

 protected:
  // Part k starts at cell (first_part << k) - first_part.
  [[nodiscard]] cell& at(std::size_t i) const noexcept {
    const std::size_t n = i + first_part;
    const auto k = static_cast<std::size_t>(std::bit_width(n) - std::bit_width(first_part));
    return parts_[k][n - (first_part << k)];
  }
  void set(std::size_t i, const cell& c) noexcept { std::construct_at(&at(i), c); }

  item_count size_;

 private:
  static constexpr std::size_t first_part = 32;
  std::size_t parts_in_use_ = 0;
  std::array<cell*, 32> parts_{};  // enough for 2^36 items
};

/// Last in, first out.
template <class T>
class lifo_items : public growing_items<T> {
 public:
  using cell = typename growing_items<T>::cell;
  static constexpr const char* kind = "LifoQueue";

  void push(const cell& c) noexcept {
    this->set(this->size_, c);
    this->size_ = this->size_ + 1;
  }
  cell pop() noexcept {
    const std::size_t left = this->size_ - 1;
    this->size_ = left;
    return this->at(left);
  }
};

/// Smallest first; the heap, and so the order of equals, is that of Python's heapq.
///
/// Throws:  what the comparison throws, from push and pop; they compare first and move cells afterwards, so that nothing has
///          changed then.
template <class T, class Compare>
class heap_items : public growing_items<T> {
 public:
  using cell = typename growing_items<T>::cell;
  static constexpr const char* kind = "PriorityQueue";

  heap_items() = default;
  explicit heap_items(Compare compare) : less_(std::move(compare)) {}

  void push(const cell& c) {
    std::size_t hole = this->size_;
    while (hole != 0 && less(c, this->at(parent(hole)))) hole = parent(hole);
    for (std::size_t i = this->size_; i != hole; i = parent(i)) this->set(i, this->at(parent(i)));
    this->set(hole, c);
    this->size_ = this->size_ + 1;
  }

  // The last cell goes from the top down the path of the smaller children to its end, and from there up to its place.
  cell pop() {
    const std::size_t left = this->size_ - 1;
    const cell last = this->at(left);
    std::array<std::size_t, 64> path;
    std::size_t depth = 0;
    path[0] = 0;
    for (std::size_t child = 1; child < left; child = 2 * child + 1) {
      if (child + 1 < left && !less(this->at(child), this->at(child + 1))) ++child;
      path[++depth] = child;
    }
    while (depth != 0 && less(last, this->at(path[depth]))) --depth;
    const cell top = this->at(0);
    for (std::size_t i = 0; i != depth; ++i) this->set(path[i], this->at(path[i + 1]));
    if (left != 0) this->set(path[depth], last);
    this->size_ = left;
    return top;
  }

 private:
  static std::size_t parent(std::size_t i) noexcept { return (i - 1) / 2; }
  [[nodiscard]] bool less(const cell& a, const cell& b) {
    return static_cast<bool>(less_(parcel<T>::look(a), parcel<T>::look(b)));
  }

  [[no_unique_address]] Compare less_;
};

}  // namespace gyre::detail
