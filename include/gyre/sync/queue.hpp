// SPDX-License-Identifier: BSL-1.0
#pragma once
// Queues between tasks of any loops: first in first out, last in first out, smallest first.  Layer: sync.
// Bodies: lib/sync/queue.cpp
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/sync/queue_base.hpp>
#include <gyre/sync/queue_items.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace gyre {

namespace detail {

template <class Queue>
class get_awaiter;
template <class Queue>
class put_awaiter;

}  // namespace detail

/// What all queues share: put() waits while it is full, get() while it is empty.
///
/// Shape:   at most `maxsize` items; 0 or less means no limit. T is movable; an item whose move throws on the way out is
///          lost to the getter that sees the error.
/// Thread:  put_nowait, get_nowait, task_done, shutdown, qsize, empty, full: any. put, get, join: tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
/// Cost:    small trivial items lie in the queue itself, others in pooled boxes; no malloc in the steady state.
/// Like:    asyncio.Queue, but tasks of different loops may share one. An item is seen by qsize() and get_nowait() until
///          the woken getter resumes; a woken getter that finds nothing waits again.
template <class T, class Items>
class basic_queue : private detail::queue_base {
 public:
  using value_type = T;

  /// Waits for room and puts `item`.
  ///
  /// Cancel:  puts nothing; its turn goes to the next putter.
  /// Throws:  queue_shut_down, also while it waits; cancelled_error.
  /// Cost:    no suspension when there is room.
  [[nodiscard]] detail::put_awaiter<basic_queue> put(T item) {
    return detail::put_awaiter<basic_queue>(*this, std::move(item));
  }

  /// Waits for an item and takes it.
  ///
  /// Cancel:  takes nothing; its turn goes to the next getter.
  /// Throws:  queue_shut_down when it is empty and nothing will come any more; cancelled_error.
  [[nodiscard]] detail::get_awaiter<basic_queue> get() noexcept { return detail::get_awaiter<basic_queue>(*this); }

  /// Throws:  queue_full, queue_shut_down.
  void put_nowait(T item);
  /// Throws:  queue_empty; queue_shut_down instead if nothing will come any more.
  T get_nowait();

  using queue_base::task_done;
  /// Waits until task_done() was called for every item that was put.
  [[nodiscard]] detail::join_awaiter join() noexcept { return detail::join_awaiter(*this); }

  /// Nothing can be put any more; who waits to put gets queue_shut_down, and who waits to get, too. What is in the queue can
  /// still be taken, unless `immediate`: then it is dropped, and counts as done. May be called again.
  void shutdown(bool immediate = false);

  [[nodiscard]] std::size_t qsize() const noexcept {
    const std::lock_guard hold(guard_);
    return items_.size();
  }
  [[nodiscard]] bool empty() const noexcept { return qsize() == 0; }
  [[nodiscard]] bool full() const noexcept {
    const std::lock_guard hold(guard_);
    return queue_base::full(items_.size());
  }
  [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return maxsize_; }

  /// `<Queue maxsize=3 _queue=[1, 2] _getters[1] tasks=2 shutdown>`
  ///
  /// Cost:    copies out the list of its items under the lock, O(items). A getter on another thread that takes an item that
  ///          is being shown waits until it was.
  void append_text(std::string& out) const;

 protected:
  template <class... Args>
  explicit basic_queue(std::ptrdiff_t maxsize, Args&&... args)
      : queue_base(maxsize), items_(std::forward<Args>(args)...) {}
  ~basic_queue() = default;

 private:
  friend class detail::get_awaiter<basic_queue>;
  friend class detail::put_awaiter<basic_queue>;
  using lock_hold = std::unique_lock<detail::spin_lock>;

  static constexpr bool compares = !noexcept(std::declval<Items&>().pop());

  // Under the lock. What they throw leaves the queue as it was.
  detail::attempt try_put(detail::parcel<T>& item, detail::wake_list& woken) noexcept(!compares);
  detail::attempt try_get(std::optional<detail::parcel<T>>& item, detail::wake_list& woken) noexcept(!compares);
  void get_memory(lock_hold& hold);

  Items items_;
};

/// First in, first out.   Like: asyncio.Queue.
template <class T>
class queue : public basic_queue<T, detail::fifo_items<T>> {
 public:
  explicit queue(std::ptrdiff_t maxsize = 0) noexcept : basic_queue<T, detail::fifo_items<T>>(maxsize) {}
};

/// Last in, first out.   Like: asyncio.LifoQueue.
template <class T>
class lifo_queue : public basic_queue<T, detail::lifo_items<T>> {
 public:
  explicit lifo_queue(std::ptrdiff_t maxsize = 0) noexcept : basic_queue<T, detail::lifo_items<T>>(maxsize) {}
};

/// The smallest item first, by `Compare`.
///
/// Shape:   equal items come out in the order of Python's heapq, which is not the order in which they came.
/// Thread:  `Compare` runs under the queue's spin lock: it must be short and must not use gyre. If it throws, the error
///          leaves put or get, and the queue is as it was before.
/// Like:    asyncio.PriorityQueue.
template <class T, class Compare = std::less<T>>
class priority_queue : public basic_queue<T, detail::heap_items<T, Compare>> {
 public:
  explicit priority_queue(std::ptrdiff_t maxsize = 0, Compare compare = Compare())
      : basic_queue<T, detail::heap_items<T, Compare>>(maxsize, std::move(compare)) {}
};

template <class T, class Items>
void basic_queue<T, Items>::put_nowait(T item) {
  detail::parcel<T> packed(std::move(item));
  detail::wake_list woken;
  lock_hold hold(guard_);
  detail::attempt how = try_put(packed, woken);
  for (; how == detail::attempt::no_memory; how = try_put(packed, woken)) get_memory(hold);
  hold.unlock();
  if (how != detail::attempt::done) detail::throw_put_refused(how);
}

template <class T, class Items>
T basic_queue<T, Items>::get_nowait() {
  std::optional<detail::parcel<T>> item;
  detail::wake_list woken;
  lock_hold hold(guard_);
  const detail::attempt how = try_get(item, woken);
  hold.unlock();
  if (how != detail::attempt::done) detail::throw_get_refused(how);
  return item->open();
}

template <class T, class Items>
void basic_queue<T, Items>::shutdown(bool immediate) {
  typename Items::storage dropped;  // what lies in it is destroyed after the lock
  detail::wake_list woken;
  const std::lock_guard hold(guard_);
  if (immediate) items_.swap(dropped);
  queue_base::end(dropped.size(), woken);
}

template <class T, class Items>
[[gnu::always_inline]] inline detail::attempt basic_queue<T, Items>::try_put(
    detail::parcel<T>& item, detail::wake_list& woken) noexcept(!compares) {
  if (shut_down_) [[unlikely]]
    return detail::attempt::shut_down;
  if (queue_base::full(items_.size())) return detail::attempt::waits;
  if (!items_.has_room()) [[unlikely]]
    return detail::attempt::no_memory;
  items_.push(item.get());
  item.release();
  ++unfinished_;
  getters_.pop_and_grant(woken);
  return detail::attempt::done;
}

template <class T, class Items>
[[gnu::always_inline]] inline detail::attempt basic_queue<T, Items>::try_get(
    std::optional<detail::parcel<T>>& item, detail::wake_list& woken) noexcept(!compares) {
  if (items_.size() == 0) return shut_down_ ? detail::attempt::shut_down : detail::attempt::waits;
  item.emplace(items_.pop());
  putters_.pop_and_grant(woken);
  return detail::attempt::done;
}

// What was looked at before has to be looked at again.
template <class T, class Items>
void basic_queue<T, Items>::get_memory(lock_hold& hold) {
  const std::size_t capacity = items_.capacity();
  hold.unlock();
  typename Items::memory more = Items::allocate(capacity);
  hold.lock();
  items_.accept(more, capacity);
  if (more == nullptr) return;
  hold.unlock();  // somebody else has made room meanwhile
  more.reset();
  hold.lock();
}

template <class T, class Items>
void basic_queue<T, Items>::append_text(std::string& out) const {
  detail::pooled_vector<typename detail::parcel<T>::view> items;
  lock_hold hold(guard_);
  while (items.capacity() < items_.size()) {
    const std::size_t wanted = items_.size();
    hold.unlock();
    items.reserve(wanted);
    hold.lock();
  }
  items_.for_each([&items](const auto& cell) { items.emplace_back(cell); });
  const queue_base::counts now = count();
  hold.unlock();
  out += '<';
  out += Items::kind;
  out += " maxsize=";
  detail::append_signed(out, maxsize_);
  if (!items.empty()) {
    out += " _queue=[";
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i != 0) out += ", ";
      detail::append_value(out, items[i].get());
    }
    out += ']';
  }
  append_counts(out, now);
  out += '>';
}

namespace detail {

template <class Queue>
class [[nodiscard]] get_awaiter final : public queue_awaiter<get_awaiter<Queue>> {
  using base = queue_awaiter<get_awaiter<Queue>>;
  using item = typename Queue::value_type;

 public:
  using value_type = item;

  explicit get_awaiter(Queue& q) noexcept : base(q.guard_, q.getters_), queue_(q) {}
  item await_resume() {
    this->finish();
    return item_->open();
  }
  [[nodiscard]] const char* lost() const noexcept override {
    return possible() ? "waits for an item of a queue that has some" : queue_.lost_by(queue_.getters_);
  }

 private:
  friend base;
  static constexpr wait_reason reason = wait_reason::queue_item;
  [[nodiscard]] const queue_base* place() const noexcept { return &queue_; }
  [[nodiscard]] bool possible() const noexcept { return queue_.items_.size() != 0; }
  [[gnu::always_inline]] attempt try_now(wake_list& woken) noexcept(!Queue::compares) {
    return queue_.try_get(item_, woken);
  }
  void get_memory(std::unique_lock<spin_lock>&) const noexcept {}

  Queue& queue_;
  std::optional<parcel<item>> item_;
};

template <class Queue>
class [[nodiscard]] put_awaiter final : public queue_awaiter<put_awaiter<Queue>> {
  using base = queue_awaiter<put_awaiter<Queue>>;
  using item = typename Queue::value_type;

 public:
  using value_type = void;

  put_awaiter(Queue& q, item&& given) : base(q.guard_, q.putters_), queue_(q), item_(std::move(given)) {}
  void await_resume() { this->finish(); }
  [[nodiscard]] const char* lost() const noexcept override {
    return possible() ? "waits for room in a queue that has some" : queue_.lost_by(queue_.putters_);
  }

 private:
  friend base;
  static constexpr wait_reason reason = wait_reason::queue_room;
  [[nodiscard]] const queue_base* place() const noexcept { return &queue_; }
  [[nodiscard]] bool possible() const noexcept { return !queue_.queue_base::full(queue_.items_.size()); }
  [[gnu::always_inline]] attempt try_now(wake_list& woken) noexcept(!Queue::compares) {
    return queue_.try_put(item_, woken);
  }
  void get_memory(std::unique_lock<spin_lock>& hold) { queue_.get_memory(hold); }

  Queue& queue_;
  parcel<item> item_;
};

}  // namespace detail
}  // namespace gyre
