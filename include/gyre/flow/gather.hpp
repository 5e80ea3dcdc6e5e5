// SPDX-License-Identifier: BSL-1.0
#pragma once
// gather: all results, in the order of the arguments.  Layer: flow.  Bodies: lib/flow/gather.cpp, fork_join.cpp
#include <gyre/base/apart.hpp>
#include <gyre/flow/detail/given_many.hpp>
#include <gyre/flow/ensure_future.hpp>
#include <gyre/flow/fork_join.hpp>
#include <gyre/flow/gathered_values.hpp>
#include <gyre/flow/result.hpp>

#include <array>
#include <iterator>
#include <optional>
#include <tuple>
#include <vector>

namespace gyre {

template <class R>
class gathering_future;

namespace detail {

/// A gather over tasks and futures: asyncio's _GatheringFuture. Its count is kept on the loop that made it: children on
/// other loops report by posting.
class gather_core : public future_core {
 public:
  bool cancel(std::string_view message) override;
  /// All children that are not done, where each has to end; one alone, where the error of another would be enough.
  [[nodiscard]] bool any_needed(bool (*needed)(const future_core&, const void*) noexcept,
                                const void* with) const noexcept override;
  [[nodiscard]] bool collects_errors() const noexcept { return collect_errors_; }
  /// How many of its children are not done, each counted once.
  [[nodiscard]] std::size_t pending() const noexcept { return unfinished_.load(std::memory_order_relaxed); }
  /// Whether its children have ended, or one that is enough has failed: it ends itself before its loop sleeps.
  [[nodiscard]] bool is_over() const noexcept;

 protected:
  gather_core(home& owner, result_base& result_room, bool collect_errors) noexcept
      : future_core(&owner, result_room), home_(owner), collect_errors_(collect_errors) {
    mark_as_handing_on();
  }

  /// Watches the children; those done already count at once. Repeated arguments count once.   Throws: value_error (a
  /// future of another runtime).
  void watch(pooled_vector<core_ref<future_core>> children);
  virtual void fill() = 0;  // all children are done: makes the result
  [[nodiscard]] const char* kind() const noexcept override { return "_GatheringFuture"; }
  [[nodiscard]] future_core& child(std::size_t i) noexcept { return *children_[i]; }
  [[nodiscard]] std::size_t child_count() const noexcept { return children_.size(); }

 private:
  class watcher;
  friend class watcher;
  void child_done(future_core& child) noexcept;

  home& home_;
  pooled_vector<core_ref<future_core>> children_;
  std::atomic<std::size_t> unfinished_{0};
  std::atomic<bool> cancel_requested_{false};
  bool collect_errors_;
};

/// The value of a done child, moved if nobody else can see it. The caller has checked that there is one.
template <class T>
stored<T> value_of(future_core& child) {
  auto& slot = static_cast<result_slot<T>&>(child.slot());
  if (!slot.has_value) throw_moved_out();
  if constexpr (!is_copyable<stored<T>>) {
    return std::move(slot.value());
  } else {
    if (child.sole_reference()) return std::move(slot.value());
    return slot.value();
  }
}

/// The same where errors stand among the results.
template <class T>
result<T> outcome_of(future_core& child) {
  child.mark_retrieved();
  if (child.slot().error != nullptr) return result<T>(child.slot().error);
  return result<T>(value_of<T>(child));
}

template <bool Errors, class T>
using gathered = std::conditional_t<Errors, result<T>, stored<T>>;

template <bool Errors, class T>
gathered<Errors, T> gathered_of(future_core& child) {
  if constexpr (Errors) {
    return outcome_of<T>(child);
  } else {
    return value_of<T>(child);
  }
}

/// Of a child that has ended just now.
template <bool Errors, class T>
gathered<Errors, T> gathered_of(result_slot<T>& filled) {
  result_slot<T>& slot = *apart(&filled);
  if constexpr (Errors) {
    if (slot.error != nullptr) return result<T>(slot.error);
    return result<T>(std::move(slot.value()));
  } else {
    return std::move(slot.value());
  }
}

template <bool Errors, class... Ts>
class tuple_gather final : public gather_core {
 public:
  using value_type = std::tuple<gathered<Errors, Ts>...>;
  tuple_gather(home& owner, pooled_vector<core_ref<future_core>> children) : gather_core(owner, result, Errors) {
    watch(std::move(children));
  }
  void append_result(std::string& out) const override {
    out += '[';
    std::apply(
        [&out](const auto&... each) {
          bool first = true;
          ((out += std::exchange(first, false) ? "" : ", ", append_value(out, each)), ...);
        },
        result.value());
    out += ']';
  }

 private:
  void fill() override { fill_from(std::index_sequence_for<Ts...>()); }
  template <std::size_t... I>
  void fill_from(std::index_sequence<I...>) {
    result.emplace(gathered_of<Errors, Ts>(child(I))...);
  }
  result_slot<value_type> result;
};

template <bool Errors, class T, class Values>
class many_gather final : public gather_core {
 public:
  using value_type = Values;
  many_gather(home& owner, pooled_vector<core_ref<future_core>> children) : gather_core(owner, result, Errors) {
    watch(std::move(children));
  }
  void append_result(std::string& out) const override { append_value(out, result.value()); }

 private:
  void fill() override {
    value_type all;
    all.reserve(child_count());
    for (std::size_t i = 0; i < child_count(); ++i) all.push_back(gathered_of<Errors, T>(child(i)));
    result.emplace(std::move(all));
  }
  result_slot<value_type> result;
};

template <class A>
using value_of_argument = typename std::remove_cvref_t<A>::value_type;

template <bool Errors, class... As>
class gather_call;
template <bool Errors, class Given, class Values>
class gather_many_call;

template <bool Errors, class... As>
inline constexpr bool is_gather_call<gather_call<Errors, As...>> = true;
template <bool Errors, class Given, class Values>
inline constexpr bool is_gather_call<gather_many_call<Errors, Given, Values>> = true;

}  // namespace detail

/// A gather that has started: a future of all the results.   Like: asyncio's _GatheringFuture.
template <class R>
class gathering_future : public detail::basic_future<R, gathering_future<R>> {
  using base = detail::basic_future<R, gathering_future<R>>;

 public:
  gathering_future() noexcept = default;
  explicit gathering_future(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}
};

namespace detail {

template <bool Errors, class A>
[[nodiscard]] auto gather_vector(std::vector<A> all) {
  return gather_many_call<Errors, given_vector<A>, std::vector<gathered<Errors, value_of_argument<A>>>>(
      given_vector<A>(std::move(all)));
}

template <class R>
using range_reference = decltype(*std::ranges::begin(std::declval<R&>()));

template <class R>
inline constexpr bool is_vector = false;
template <class A>
inline constexpr bool is_vector<std::vector<A>> = true;

/// What gather() walks through. A named vector is none: it is taken whole.
template <class R>
concept awaitable_range = !awaitable_argument<R> && !is_vector<std::remove_cvref_t<R>> && requires(R& range) {
  std::ranges::end(range);
  requires awaitable_argument<range_reference<R>>;
};

template <bool Errors, class R>
[[nodiscard]] auto gather_range(R& all) {
  using A = argument<range_reference<R>>;
  using values = gathered_values<gathered<Errors, value_of_argument<A>>>;
  if constexpr (is_coro_v<A>) {
    given_coros<value_of_argument<A>> given;
    if constexpr (std::is_lvalue_reference_v<range_reference<R>> &&
                  std::forward_iterator<decltype(std::ranges::begin(all))>) {
      for (auto& each : all) each.check_fresh("gather");  // before one is taken
    }
    for (auto&& each : all) given.add(std::move(each), "gather");
    return gather_many_call<Errors, given_coros<value_of_argument<A>>, values>(std::move(given));
  } else {
    std::vector<A> given;
    for (auto&& each : all) given.push_back(as_argument(std::forward<decltype(each)>(each)));
    return gather_many_call<Errors, given_vector<A>, values>(given_vector<A>(std::move(given)));
  }
}

/// The loop on which a gather counts: the running one, else that of its first child, else the one set for this thread.
[[nodiscard]] home& gather_home(const pooled_vector<core_ref<future_core>>& children);

}  // namespace detail
}  // namespace gyre

#include <gyre/flow/detail/gather_call.hpp>

namespace gyre {

/// Runs coroutines, tasks and futures at the same time and gives their results in the order of the arguments.
///
/// Shape:   a tuple; a void result is `unit`. It starts when it is awaited or first used as a future. One of nothing is done
///          at once.
/// Cancel:  cancels every child that is not done.
/// Throws:  the first error, at once; the other children run on and their errors are dropped.
/// Cost:    one pooled block. Coroutines of a task that is not pinned run as a fork-join: no task record, no queue entry
///          beyond what thieves may take.
/// Like:    asyncio.gather, which starts at the call.
template <class... As>
  requires(detail::awaitable_argument<As> && ...)
[[nodiscard]] auto gather(As&&... aws) {
  return detail::gather_call<false, detail::argument<As>...>(detail::as_argument(std::forward<As>(aws))...);
}

/// The same, with errors in their places among the results.   Like: gather(..., return_exceptions=True).
template <class... As>
  requires(detail::awaitable_argument<As> && ...)
[[nodiscard]] auto gather(return_exceptions_t, As&&... aws) {
  return detail::gather_call<true, detail::argument<As>...>(detail::as_argument(std::forward<As>(aws))...);
}

/// Over a named vector of coroutines (moved out of it), tasks or futures: gives a vector. An empty one is done at once.
template <class A>
  requires detail::awaitable_argument<A>
[[nodiscard]] auto gather(std::vector<A> all) {
  return detail::gather_vector<false>(std::move(all));
}
template <class A>
  requires detail::awaitable_argument<A>
[[nodiscard]] auto gather(return_exceptions_t, std::vector<A> all) {
  return detail::gather_vector<true>(std::move(all));
}

/// Over any other range of coroutines (moved out of it), tasks or futures, such as a view that makes a coroutine of each of
/// its elements. The range is walked once, in the call. Gives gathered_values<T>, which becomes a std::vector<T> where one
/// is wanted.
///
/// Throws:  already_awaited, and what the range throws: coroutines that it gave before are destroyed and say that they were
///          never awaited.
/// Cost:    coroutines need no memory beyond their frames until they start, and their results none of malloc's.
/// Like:    asyncio.gather(*(f(x) for x in range)).
template <detail::awaitable_range R>
[[nodiscard]] auto gather(R&& all) {
  return detail::gather_range<false>(all);
}
template <detail::awaitable_range R>
[[nodiscard]] auto gather(return_exceptions_t, R&& all) {
  return detail::gather_range<true>(all);
}

}  // namespace gyre
