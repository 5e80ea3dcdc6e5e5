// SPDX-License-Identifier: BSL-1.0
#pragma once
// A growing circular buffer: in the steady state it allocates nothing.  Layer: base.
#include <cstddef>
#include <memory>
#include <utility>

namespace gyre::detail {

/// First in, first out.
///
/// Thread:  none of its own.
template <class T>
class ring_buffer {
 public:
  ring_buffer() noexcept = default;
  ring_buffer(const ring_buffer&) = delete;
  ring_buffer& operator=(const ring_buffer&) = delete;
  ~ring_buffer() {
    while (!empty()) static_cast<void>(pop());
    if (cells_ != nullptr) std::allocator<T>().deallocate(cells_, capacity_);
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const T& at(std::size_t i) const noexcept { return *place(i); }

  template <class U>
  void push(U&& value) {
    if (size_ == capacity_) grow();
    std::construct_at(place(size_), std::forward<U>(value));
    ++size_;
  }

  T pop() {
    T* cell = cells_ + first_;
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
    const destroyer after(cell);
    return std::move(*cell);
  }

 private:
  struct destroyer {
    explicit destroyer(T* c) noexcept : cell(c) {}
    destroyer(const destroyer&) = delete;
    destroyer& operator=(const destroyer&) = delete;
    ~destroyer() { std::destroy_at(cell); }
    T* cell;
  };

  [[nodiscard]] T* place(std::size_t i) const noexcept { return cells_ + ((first_ + i) & (capacity_ - 1)); }

  void grow() {
    const std::size_t larger = capacity_ == 0 ? 8 : capacity_ * 2;
    T* cells = std::allocator<T>().allocate(larger);
    std::size_t made = 0;
    try {
      for (; made < size_; ++made) std::construct_at(cells + made, std::move_if_noexcept(*place(made)));
    } catch (...) {
      std::destroy_n(cells, made);
      std::allocator<T>().deallocate(cells, larger);
      throw;
    }
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(place(i));
    if (cells_ != nullptr) std::allocator<T>().deallocate(cells_, capacity_);
    cells_ = cells;
    capacity_ = larger;
    first_ = 0;
  }

  T* cells_ = nullptr;
  std::size_t capacity_ = 0;  // a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace gyre::detail
