// SPDX-License-Identifier: BSL-1.0
#pragma once
// An item on its way into a queue and out of it.  Layer: sync.
//
// A queue's lock is a spin lock: nothing of T's may run under it. What lies in a queue is therefore a cell: a small trivial
// item itself, or a pointer to a box from the frame pool. Items are packed before the lock is taken and opened after it is
// free.
#include <gyre/base/relax.hpp>
#include <gyre/core/frame_pool.hpp>

#include <atomic>
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
    ~box() { wait_for_readers(); }
    void wait_for_readers() const noexcept {
      for (backoff pause; readers.load(std::memory_order_acquire) != 0;) pause.once();
    }

    T value;
    // Texts of the queue that show the value just now. Goes up under the queue's lock while the box is in the queue, and
    // down after the value was read (release): who took the box out reads 0 before it changes the value.
    std::atomic<std::uint32_t> readers{0};
  };
  using cell = box*;

  explicit parcel(T&& item) : box_(std::make_unique<box>(std::move(item))) {}
  explicit parcel(cell taken) noexcept : box_(taken) {}

  [[nodiscard]] cell get() const noexcept { return box_.get(); }
  void release() noexcept { static_cast<void>(box_.release()); }
  /// The item, once.
  T open() {
    box_->wait_for_readers();
    return std::move(box_->value);
  }
  [[nodiscard]] static const T& look(const cell& c) noexcept { return c->value; }

  /// Lets an item be looked at after the lock is free.
  class view {
   public:
    explicit view(cell c) noexcept : box_(c) { c->readers.fetch_add(1, std::memory_order_relaxed); }
    view(view&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
    view& operator=(view&&) = delete;
    ~view() {
      if (box_ != nullptr) box_->readers.fetch_sub(1, std::memory_order_release);
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
