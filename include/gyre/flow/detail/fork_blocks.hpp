// SPDX-License-Identifier: BSL-1.0
#pragma once
// The two kinds of blocks of a fork-join: for so many coroutines as arguments, and for a vector or range.  Layer: flow.
#include <gyre/base/text.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/frame_pool.hpp>
#include <gyre/flow/fork_join.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace gyre::detail {

/// The block of gather(coro<Ts>...).
template <class... Ts>
class tuple_fork final : public fork_block {
 public:
  static constexpr std::size_t count = sizeof...(Ts);

  /// A block for frames that are taken over now, and have yet to be started.
  [[nodiscard]] static tuple_fork* make(bool collect_errors, task_core& parent, std::coroutine_handle<> at, home& here,
                                        std::tuple<coro<Ts>...>& bodies) {
    static_assert(sizeof(tuple_fork) <= largest_stable_cell, "too many coroutines in one gather(): use a vector");
    void* const cell = pool_allocate(sizeof(tuple_fork), cell_use::stable);
    auto* block = new (cell) tuple_fork(collect_errors, parent, at);
    block->template bind<false>(here, bodies, indices);
    stable_content(cell) = &ops;
    return block;
  }
  /// A cell at hand that holds a block of this kind; null if there is none.
  [[nodiscard]] [[gnu::always_inline]] static void* take_cell() noexcept {
    if constexpr (!reusable) return nullptr;
    return pool_take_if(sizeof(tuple_fork), cell_use::stable, [](void* cell) { return stable_content(cell) == &ops; });
  }
  /// The block in such a cell, for frames that are taken over now.
  [[nodiscard]] [[gnu::always_inline]] static tuple_fork* make_again(void* cell, bool collect_errors, task_core& parent,
                                                                     std::coroutine_handle<> at, home& here,
                                                                     std::tuple<coro<Ts>...>& bodies) noexcept {
    auto* block = static_cast<tuple_fork*>(cell);
    block->restart(collect_errors, parent, at, count);
    block->template bind<true>(here, bodies, indices);
    return block;
  }

  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> launch(thread_state& thread, task_core& parent,
                                                                      std::coroutine_handle<> at) noexcept {
    return start(thread, children(), count, parent, at);
  }

  /// After ends_quietly().
  [[gnu::always_inline]] void recycle() noexcept {
    if constexpr (!reusable) destroy();
    pool_deallocate(this, sizeof(tuple_fork), cell_use::stable);
  }

  std::tuple<result_slot<Ts>...> results;

 private:
  tuple_fork(bool collect_errors, task_core& parent, std::coroutine_handle<> at) noexcept
      : fork_block(ops, collect_errors, parent, at, children(), count) {}

  // `Again`: children and results are there, left by the last gather.
  template <bool Again, std::size_t... I>
  [[gnu::always_inline]] void bind(home& here, std::tuple<coro<Ts>...>& bodies, std::index_sequence<I...>) noexcept {
    (bind_one<Again, I>(here, std::get<I>(bodies).give_up()), ...);
  }
  template <bool Again, std::uint32_t I, class Frame>
  [[gnu::always_inline]] void bind_one(home& here, Frame frame) noexcept {
    fork_child* const c = children() + I;
    if constexpr (Again) {
      c->restart(frame, here);
    } else {
      std::construct_at(c, *this, I, frame, here);
    }
    frame.promise().task = c;
    frame.promise().slot = &std::get<I>(results);
  }

  GYRE_NOINLINE void destroy() noexcept {
    stable_content(this) = nullptr;
    std::destroy_n(children(), count);
    std::destroy_at(this);
  }
  // Of a gather whose values need no destructor nothing is to be destroyed as a rule: quiet, the block stays what it is,
  // and the next gather of this kind writes only what differs. The values of the last one stay until others replace them.
  static constexpr bool reusable = (std::is_trivially_destructible_v<stored<Ts>> && ...);

  [[nodiscard]] fork_child* children() noexcept { return reinterpret_cast<fork_child*>(memory_); }

  static void free_block(join_head& head) noexcept {
    auto& block = static_cast<tuple_fork&>(head);
    block.destroy();
    pool_deallocate(&block, sizeof(tuple_fork), cell_use::stable);
  }
  template <std::size_t... I>
  void append_one(std::uint32_t child, std::string& out, std::index_sequence<I...>) const {
    static_cast<void>(((I == child ? (append_value(out, std::get<I>(results).value()), true) : false) || ...));
  }
  template <std::size_t... I>
  result_base* slot_of(std::uint32_t child, std::index_sequence<I...>) noexcept {
    result_base* found = nullptr;
    static_cast<void>(((I == child ? (found = &std::get<I>(results), true) : false) || ...));
    return found;
  }
  static constexpr std::index_sequence_for<Ts...> indices{};
  static constexpr operations ops{&free_block, &fork_block::abandon_block,
                                  [](join_head& head, std::uint32_t child) -> result_base& {
                                    return *static_cast<tuple_fork&>(head).slot_of(child, indices);
                                  },
                                  [](const join_head& head, std::uint32_t child, std::string& out) {
                                    static_cast<const tuple_fork&>(head).append_one(child, out, indices);
                                  }};

  alignas(fork_child) std::byte memory_[sizeof(fork_child) * count];
};

/// The block of gather(vector or range of coro<T>). Its arrays are behind it in the same cell, or elsewhere where that is too small.
template <class T>
class vector_fork final : public fork_block {
 public:
  /// A block for frames that are taken over now, and have yet to be started.
  template <class Bodies>
  [[nodiscard]] static vector_fork* make(bool collect_errors, task_core& parent, std::coroutine_handle<> at, home& here,
                                         Bodies& bodies) {
    const std::size_t n = bodies.size();
    std::byte* const apart = fits(n) ? nullptr : static_cast<std::byte*>(pool_allocate(array_bytes(n)));
    void* cell = nullptr;
    try {
      cell = pool_allocate(cell_bytes(n), cell_use::stable);
    } catch (...) {
      if (apart != nullptr) pool_deallocate(apart, array_bytes(n));
      throw;
    }
    std::byte* const arrays = apart != nullptr ? apart : static_cast<std::byte*>(cell) + head_bytes();
    auto* block = new (cell) vector_fork(collect_errors, parent, at, arrays, static_cast<std::uint32_t>(n));
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto frame = bodies.take_frame(i);
      std::construct_at(block->children() + i, *block, i, frame, here);
      std::construct_at(block->results + i);
      block->bind(i, frame);
    }
    stable_content(cell) = reusable && apart == nullptr ? &ops : nullptr;
    return block;
  }
  /// A cell at hand that holds a block of this kind, of so many; null if there is none.
  [[nodiscard]] static void* take_cell(std::size_t n) noexcept {
    if (!reusable || !fits(n)) return nullptr;
    return pool_take_if(cell_bytes(n), cell_use::stable, [](void* cell) { return stable_content(cell) == &ops; });
  }
  /// The block in such a cell, for frames that are taken over now.
  template <class Bodies>
  [[nodiscard]] static vector_fork* make_again(void* cell, bool collect_errors, task_core& parent,
                                               std::coroutine_handle<> at, home& here, Bodies& bodies) noexcept {
    auto* block = static_cast<vector_fork*>(cell);
    const std::uint32_t n = block->child_count();
    block->fork_block::restart(collect_errors, parent, at, n);
    fork_child* const children = block->children();
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto frame = bodies.take_frame(i);
      children[i].restart(frame, here);
      block->bind(i, frame);
    }
    return block;
  }

  [[nodiscard]] std::coroutine_handle<> launch(thread_state& thread, task_core& parent,
                                               std::coroutine_handle<> at) noexcept {
    return thread.quick ? start(thread, children(), child_count(), parent, at) : start_with_care(thread);
  }

  /// After ends_quietly().
  void recycle() noexcept {
    if (stable_content(this) != &ops) return free_block(*this);
    pool_deallocate(this, cell_bytes(child_count()), cell_use::stable);
  }

  result_slot<T>* const results;

 private:
  vector_fork(bool collect_errors, task_core& parent, std::coroutine_handle<> at, std::byte* arrays,
              std::uint32_t n) noexcept
      : fork_block(ops, collect_errors, parent, at, reinterpret_cast<fork_child*>(arrays), n),
        results(reinterpret_cast<result_slot<T>*>(arrays + slots_at(n))) {}

  template <class Frame>
  void bind(std::uint32_t i, Frame frame) noexcept {
    frame.promise().task = children() + i;
    frame.promise().slot = results + i;
  }
  [[nodiscard]] fork_child* children() noexcept { return static_cast<fork_child*>(&child(0)); }

  // As for tuple_fork. Cells of one class hold blocks of one length.
  static constexpr bool reusable = std::is_trivially_destructible_v<stored<T>>;
  static_assert(sizeof(fork_child) >= cell_cache::granule && alignof(result_slot<T>) <= alignof(std::max_align_t));

  [[nodiscard]] static constexpr std::size_t slots_at(std::size_t n) noexcept {
    constexpr std::size_t a = alignof(result_slot<T>);
    return (sizeof(fork_child) * n + a - 1) / a * a;
  }
  [[nodiscard]] static constexpr std::size_t array_bytes(std::size_t n) noexcept {
    return slots_at(n) + sizeof(result_slot<T>) * n;
  }
  [[nodiscard]] static constexpr bool fits(std::size_t n) noexcept {
    return n <= largest_stable_cell / sizeof(fork_child) && head_bytes() + array_bytes(n) <= largest_stable_cell;
  }
  [[nodiscard]] static constexpr std::size_t head_bytes() noexcept {
    constexpr std::size_t a = alignof(std::max_align_t);
    return (sizeof(vector_fork) + a - 1) / a * a;
  }
  [[nodiscard]] static constexpr std::size_t cell_bytes(std::size_t n) noexcept {
    return head_bytes() + (fits(n) ? array_bytes(n) : 0);
  }

  static void free_block(join_head& head) noexcept {
    auto& block = static_cast<vector_fork&>(head);
    const std::uint32_t n = block.child_count();
    fork_child* const children = block.children();
    stable_content(&block) = nullptr;
    std::destroy_n(block.results, n);
    std::destroy_n(children, n);
    if (!fits(n)) pool_deallocate(children, array_bytes(n));
    std::destroy_at(&block);
    pool_deallocate(&block, cell_bytes(n), cell_use::stable);
  }
  static constexpr operations ops{&free_block, &fork_block::abandon_block,
                                  [](join_head& head, std::uint32_t child) -> result_base& {
                                    return static_cast<vector_fork&>(head).results[child];
                                  },
                                  [](const join_head& head, std::uint32_t child, std::string& out) {
                                    append_value(out, static_cast<const vector_fork&>(head).results[child].value());
                                  }};
};

}  // namespace gyre::detail
