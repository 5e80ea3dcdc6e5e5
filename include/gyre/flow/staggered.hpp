// SPDX-License-Identifier: BSL-1.0
#pragma once
// staggered_race: candidates started one after another until one succeeds.  Layer: flow.  Bodies: lib/flow/staggered.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/flow/task_group.hpp>
#include <gyre/flow/timeout.hpp>
#include <gyre/sync/event.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace gyre {

/// How a staggered race ended.
template <class T>
struct staggered_result {
  staggered_result() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12

  std::optional<detail::stored<T>> winner;     ///< the value of the first that succeeded; `unit` for void
  std::optional<std::size_t> index;            ///< its place among the candidates; empty if none succeeded
  std::vector<std::exception_ptr> exceptions;  ///< of each candidate that was started, in order; null for the winner
};

namespace detail {

/// What the candidates of a race share, whatever they give.
///
///   guard_   guards everything but the events. Candidates report from any loop; the first to win decides.
class stagger_base {
 public:
  stagger_base(std::size_t count, std::optional<std::chrono::nanoseconds> delay);

  /// Candidate `i` has waited for its turn. False if the race is over.
  [[nodiscard]] bool begin(std::size_t i);
  /// The task of candidate `i` has been made. Cancels it if the race is over.
  void add(std::size_t i, task<> t);
  /// Candidate `i` has failed: the next one's turn.
  void lose(std::size_t i, std::exception_ptr error) noexcept;
  /// Candidate `i` has succeeded. True if it is the first: the others are cancelled then.
  [[nodiscard]] bool win(std::size_t i);

  [[nodiscard]] std::size_t count() const noexcept { return tasks_.size(); }
  /// Waits until candidate `i` has failed, or the delay has passed.
  coro<> turn_after(std::size_t i);

 protected:
  /// When all tasks have ended.
  [[nodiscard]] std::vector<std::exception_ptr> take_exceptions() noexcept;

 private:
  spin_lock guard_;
  std::optional<std::chrono::nanoseconds> delay_;
  std::unique_ptr<event[]> failed_;
  std::vector<task<>> tasks_;
  std::vector<std::exception_ptr> exceptions_;
  std::size_t started_ = 0;
  bool won_ = false;
};

template <class T, class F>
class stagger final : public stagger_base {
 public:
  stagger(std::vector<F>& candidates, std::optional<std::chrono::nanoseconds> delay)
      : stagger_base(candidates.size(), delay), candidates_(candidates) {}

  /// The body of the group: starts the first candidate.
  static coro<> begin_all(task_group& group, stagger* race) {
    race->start(group, 0);
    co_return;
  }

  staggered_result<T> result() {
    outcome_.exceptions = take_exceptions();
    return std::move(outcome_);
  }

 private:
  void start(task_group& group, std::size_t i) { add(i, group.create_task(&stagger::run, &group, this, i)); }

  // A group that is shutting down starts nobody: then this candidate is being cancelled, too.
  bool start_next(task_group& group, std::size_t i) {
    if (i + 1 == count()) return true;
    try {
      start(group, i + 1);
      return true;
    } catch (const error&) {
      return false;
    }
  }

  static coro<> run(task_group* group, stagger* self, std::size_t i);

  std::vector<F>& candidates_;
  staggered_result<T> outcome_;
};

template <class T, class F>
coro<> stagger<T, F>::run(task_group* group, stagger* self, std::size_t i) {
  stagger& race = *self;
  if (i > 0) co_await race.turn_after(i - 1);
  if (!race.begin(i) || !race.start_next(*group, i)) co_return;
  kept_value<T> value;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await race.candidates_[i]();
    } else {
      value.keep(co_await race.candidates_[i]());
    }
  } catch (...) {
    error = std::current_exception();
    if (ends_program(error)) throw;
  }
  if (error != nullptr) {
    race.lose(i, std::move(error));
  } else if (race.win(i)) {
    race.outcome_.index = i;
    race.outcome_.winner = value.take();
  }
}

template <class T, class F>
coro<staggered_result<T>> run_stagger(std::vector<F> candidates, std::optional<std::chrono::nanoseconds> delay) {
  if (candidates.empty()) co_return staggered_result<T>();
  stagger<T, F> race(candidates, delay);
  co_await with_task_group(&stagger<T, F>::begin_all, &race);
  co_return race.result();
}

}  // namespace detail

/// Starts the candidates one after another, the next when the latest has failed or `delay` has passed, and gives the first
/// value. The others are then cancelled and waited for.
///
/// Shape:   a named vector of callables that return a coro<T> and are called without arguments; captures are fine. Without a
///          delay the next one starts only after a failure.
/// Cancel:  goes to all candidates, which are waited for.
/// Throws:  keyboard_interrupt, system_exit of a candidate; other errors of candidates are in the result.
/// Cost:    one task a candidate that is started, or next to be.   Like: asyncio.staggered.staggered_race.
template <class F>
auto staggered_race(std::vector<F> candidates, std::optional<time_span> delay = std::nullopt) {
  using body = std::invoke_result_t<F&>;
  static_assert(is_coro_v<body>, "the candidates of staggered_race are coroutine functions: each returns a coro");
  return detail::run_stagger<typename body::value_type, F>(std::move(candidates), delay);
}

}  // namespace gyre
