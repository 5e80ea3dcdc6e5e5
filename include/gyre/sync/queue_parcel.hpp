// SPDX-License-Identifier: BSL-1.0
#pragma once
// An item on its way into a queue and out of it.  Layer: sync.
//
// A queue's lock is a spin lock: nothing of T's may run under it. What lies in a queue is therefore a cell: a small trivial
// item itself, or a pointer to a box from the frame pool. Items are packed before the lock is taken and opened after it is
// free.
#include <gyre/base/policy.hpp>
#include <gyre/base/relax.hpp>
#include <gyre/core/frame_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace gyre::detail {

/// Copying one is a few moves of the processor and runs no code of T's.
template <class T>
concept plain_item = std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T> && sizeof(T) <= 64 &&
                     alignof(T) <= alignof(std::max_align_t);

/// Who looks at a value just now without owning it: texts of the queue, which show it.
///
///   count_   one who looks                                 one who took the box out
///            V1 up, under the queue's lock, while the      T1 takes it out, under the lock
///               box is in the queue                        T2 waits until it is 0, acquire
///            V2 reads the value                            T3 changes the value
///            V3 down, release, pairs with T2
///
/// Proof:  by the lock V1 comes before T1, so T2 counts everybody who will read; after the last V3 nobody comes.
template <class Policy = std_policy>
class basic_readers {
 public:
  void begin() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }  // V1: the lock orders it
  void end() noexcept { count_.fetch_sub(1, std::memory_order_release); }    // V3
  void wait() const noexcept {
    for (backoff pause; count_.load(std::memory_order_acquire) != 0;) pause.once();  // T2
  }

 private:
  typename Policy::template atomic<std::uint32_t> count_{0};
};

/// One item outside of a container, which holds it as a `cell` after release().
template <class T>
class parcel {
  struct unpooled {};
  using memory = std::conditional_t<(alignof(T) > alignof(std::max_align_t)), unpooled, pooled>;

 public:
  class box : public memory {
   public:
    explicit box(T&& item) : value(std::move(item)) {}
    box(const box&) = delete;
    box& operator=(const box&) = delete;
    ~box() { readers.wait(); }

    T value;
    basic_readers<> readers;
  };
  using cell = box*;

  explicit parcel(T&& item) : box_(std::make_unique<box>(std::move(item))) {}
  explicit parcel(cell taken) noexcept : box_(taken) {}

  [[nodiscard]] cell get() const noexcept { return box_.get(); }
  void release() noexcept { static_cast<void>(box_.release()); }
  /// The item, once.
  T open() {
    box_->readers.wait();
    return std::move(box_->value);
  }
  [[nodiscard]] static const T& look(const cell& c) noexcept { return c->value; }

  /// Lets an item be looked at after the lock is free.
  class view {
   public:
    explicit view(cell c) noexcept : box_(c) { c->readers.begin(); }
    view(view&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
    view& operator=(view&&) = delete;
    ~view() {
      if (box_ != nullptr) box_->readers.end();
    }
    [[nodiscard]] const T& get() const noexcept { return box_->value; }

   private:
    cell box_;
  };

 private:
  std::unique_ptr<box> box_;
};

template <plain_item T>
class parcel<T> {
 public:
  using cell = T;

  explicit parcel(const T& item) noexcept : item_(item) {}
  [[nodiscard]] const cell& get() const noexcept { return item_; }
  void release() const noexcept {}
  [[nodiscard]] T open() const noexcept { return item_; }
  [[nodiscard]] static const T& look(const cell& c) noexcept { return c; }

  class view {
   public:
    explicit view(const cell& c) noexcept : item_(c) {}
    [[nodiscard]] const T& get() const noexcept { return item_; }

   private:
    T item_;
  };

 private:
  T item_;
};

}  // namespace gyre::detail
