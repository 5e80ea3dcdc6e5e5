// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who waits for a future or task: read from the nodes in its list, so that waiting costs nothing for it.  Layer: core.
// Bodies: lib/core/awaited_by.cpp
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>

#include <cstddef>
#include <vector>

namespace gyre {

class any_future;

namespace detail {

/// Awaiters on their way out from under a lock, each held. It takes no more than there is room for.
///
/// Thread:  one. add() and pass_on() allocate nothing: they are called with locks held.
class awaiter_list {
 public:
  awaiter_list() = default;
  awaiter_list(const awaiter_list&) = delete;
  awaiter_list& operator=(const awaiter_list&) = delete;
  ~awaiter_list() { clear(); }

  /// Empties it, and makes more room if that was what lacked.
  void start_again();

  /// A task that cannot end while the caller holds its lock. False: no room.
  [[nodiscard]] bool add(task_core& t) noexcept;
  /// A future that awaits by itself, as far as anybody can tell.
  [[nodiscard]] bool add(future_core& f) noexcept { return keep(entry{nullptr, &f, false}); }
  /// A future that only hands on what it waits for: who awaits it counts instead.
  [[nodiscard]] bool pass_on(future_core& f) noexcept { return keep(entry{nullptr, &f, true}); }

  /// Gives the tasks and futures, each once; those to pass through go to `through`.
  void take(std::vector<core_ref<future_core>>& awaiters, std::vector<core_ref<future_core>>& through);

 private:
  struct entry {
    task_core* task;
    future_core* future;
    bool passes_on;
  };
  [[nodiscard]] bool keep(entry e) noexcept;
  void clear() noexcept;

  std::vector<entry> entries_;
  bool full_ = true;
};

/// The tasks, and futures made known by future_add_to_awaited_by(), that wait for `f` in this moment.
[[nodiscard]] std::vector<core_ref<future_core>> awaiters_of(future_core& f);

}  // namespace detail

/// Makes `waiter` appear among those who wait for `awaited`, for frameworks with waits of their own.
///
/// Life:    until future_discard_from_awaited_by(), or until `awaited` is done.   Thread: any.
/// Like:    asyncio.future_add_to_awaited_by.
void future_add_to_awaited_by(const any_future& awaited, const any_future& waiter);
/// Takes one such entry back, if there is one.   Like: asyncio.future_discard_from_awaited_by.
void future_discard_from_awaited_by(const any_future& awaited, const any_future& waiter);

}  // namespace gyre
