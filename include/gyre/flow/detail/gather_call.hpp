// SPDX-License-Identifier: BSL-1.0
#pragma once
// What gather() returns: the arguments until it starts, then a fork-join or a future.  Layer: flow.
#include <gyre/flow/detail/gather_starter.hpp>
#include <gyre/flow/gather.hpp>

#include <type_traits>
#include <utility>
#include <vector>

namespace gyre::detail {

/// Done with a block when the values are out, or one of them has thrown on its way. `Quiet`: see fork_block::ends_quietly().
template <class Block, bool Quiet>
struct last_use {
  explicit last_use(Block& b) noexcept : block(b) {}
  last_use(const last_use&) = delete;
  last_use& operator=(const last_use&) = delete;
  [[gnu::always_inline]] ~last_use() {
    if constexpr (Quiet) {
      block.recycle();
    } else {
      block.leave();
    }
  }
  Block& block;
};

template <bool Errors, class... As>
class [[nodiscard]] gather_call
    : public gather_starter<gather_call<Errors, As...>, std::tuple<gathered<Errors, value_of_argument<As>>...>> {
  using starter = gather_starter<gather_call<Errors, As...>, std::tuple<gathered<Errors, value_of_argument<As>>...>>;

 public:
  using value_type = std::tuple<gathered<Errors, value_of_argument<As>>...>;

  template <class... Given>
  explicit gather_call(Given&&... aws) : arguments_(std::forward<Given>(aws)...) {}
  /// Before it is awaited: as an argument of wait_for(), shield(), gather().
  gather_call(gather_call&& other) noexcept : starter(std::move(other)), arguments_(std::move(other.arguments_)) {}
  gather_call& operator=(gather_call&&) = delete;
  ~gather_call() {
    if (this->stage_ != stage::over) [[unlikely]]
      rarely_needed(this)->destroy();
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <class Promise>
  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (forks) {
      thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (thread.quick && may_fork(me) && all_fresh()) [[likely]] {
        if (void* const cell = fork_type::take_cell()) [[likely]] {
          fork_type* const block = fork_type::make_again(cell, Errors, me, at, *thread.loop, arguments_);
          this->fork_ = block;
          this->stage_ = stage::quick_joining;
          return transfer(block->launch(thread, me, at));
        }
      }
      return rarely_needed(this)->fork_or_wait(me, at);
    } else {
      return this->wait_as_future(at);
    }
  }

  [[gnu::always_inline]] value_type await_resume() {
    if constexpr (forks) {
      if (this->stage_ == stage::quick_joining) [[likely]] {
        assume_membarrier_works();
        auto& block = static_cast<fork_type&>(*this->fork_);
        this->stage_ = stage::over;
        if (!block.ends_quietly()) [[unlikely]] {
          value_type all = values_of_noisy(block);
          return value_type(std::move(all));
        }
        const last_use<fork_type, true> last(block);
        return values_of(block);
      }
    }
    value_type all = rarely_needed(this)->end();
    return value_type(std::move(all));
  }

 private:
  template <class Self, class R>
  friend class gather_starter;
  using typename starter::stage;
  GYRE_NOINLINE void destroy() noexcept {
    const bool given = this->has_arguments();
    this->drop();
    if (given) std::destroy_at(&arguments_);
  }
  [[nodiscard]] bool all_fresh() const noexcept {
    return std::apply([](const auto&... bodies) { return (bodies.is_fresh() && ...); }, arguments_);
  }
  // The results of one that was not started the short way.
  GYRE_NOINLINE value_type end() {
    if constexpr (forks) {
      if (this->stage_ == stage::joining) {
        auto& block = static_cast<fork_type&>(*this->fork_);
        this->stage_ = stage::over;
        if (!block.ends_quietly()) return values_of_noisy(block);
        const last_use<fork_type, true> last(block);
        return values_of(block);
      }
    }
    return this->wait_->end();
  }
  // Where there is no block to be used again, or something is to be looked at that is rare.
  GYRE_NOINLINE std::coroutine_handle<> fork_or_wait(task_core& me, std::coroutine_handle<> at) {
    thread_state& thread = this_thread();
    if (this->started() || thread.forks == nullptr || !may_fork(me)) return this->wait_as_future(at);
    std::apply([](auto&... bodies) { (bodies.check_fresh("gather"), ...); }, arguments_);
    void* const cell = fork_type::take_cell();
    this->fork_ = cell != nullptr ? fork_type::make_again(cell, Errors, me, at, *thread.loop, arguments_)
                                  : fork_type::make(Errors, me, at, *thread.loop, arguments_);
    this->stage_ = stage::joining;
    return transfer(this->fork_->start_with_care(thread));
  }
  static constexpr bool forks = sizeof...(As) > 0 && (is_coro_v<As> && ...);
  template <class... Bs>
  struct fork_for {
    using type = tuple_fork<value_of_argument<Bs>...>;
  };
  using fork_type = typename fork_for<As...>::type;
  [[nodiscard]] [[gnu::always_inline]] static value_type values_of(fork_type& block) {
    return std::apply([](auto&... slots) { return value_type(gathered_of<Errors, value_of_argument<As>>(slots)...); },
                      block.results);
  }
  GYRE_NOINLINE static value_type values_of_noisy(fork_type& block) {
    block.check_and_leave_on_error();
    const last_use<fork_type, false> last(block);
    return values_of(block);
  }

  gathering_future<value_type> make() {
    pooled_vector<core_ref<future_core>> children;
    children.reserve(sizeof...(As));
    std::apply([&](auto&... each) { (children.push_back(future_of(each, "gather", false)), ...); }, arguments_);
    home& here = gather_home(children);
    return gathering_future<value_type>(
        core_ref<future_core>(new tuple_gather<Errors, value_of_argument<As>...>(here, std::move(children))));
  }

  union {
    std::tuple<As...> arguments_;  // see has_arguments()
  };
};

/// Of as many as there are: `Given` holds them, `Values` is what their results are put into.
template <bool Errors, class Given, class Values>
class [[nodiscard]] gather_many_call : public gather_starter<gather_many_call<Errors, Given, Values>, Values> {
  using A = typename Given::value_type;
  using child_value = value_of_argument<A>;
  using starter = gather_starter<gather_many_call<Errors, Given, Values>, Values>;

 public:
  using value_type = Values;

  explicit gather_many_call(Given all) noexcept : arguments_(std::move(all)) {}
  gather_many_call(gather_many_call&& other) noexcept
      : starter(std::move(other)), arguments_(std::move(other.arguments_)) {}
  gather_many_call& operator=(gather_many_call&&) = delete;
  ~gather_many_call() {
    if (this->stage_ != stage::over) this->drop();
  }

  /// As for a future that is done.
  [[nodiscard]] bool await_ready() const noexcept { return is_empty(); }

  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (is_coro_v<A>) {
      thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (thread.forks != nullptr && !this->started() && may_fork(me)) [[likely]] {
        arguments_.check_fresh("gather");
        void* const cell = fork_type::take_cell(arguments_.size());
        fork_type* const block = cell != nullptr ? fork_type::make_again(cell, Errors, me, at, *thread.loop, arguments_)
                                                 : fork_type::make(Errors, me, at, *thread.loop, arguments_);
        this->fork_ = block;
        this->stage_ = stage::joining;
        return transfer(block->launch(thread, me, at));
      }
    }
    return this->wait_as_future(at);
  }

  value_type await_resume() {
    if (this->stage_ != stage::joining) return is_empty() ? value_type() : this->wait_->end();
    auto& block = static_cast<fork_type&>(*this->fork_);
    this->stage_ = stage::over;
    if (block.ends_quietly()) {
      const last_use<fork_type, true> last(block);
      return values_of(block);
    }
    block.check_and_leave_on_error();
    const last_use<fork_type, false> last(block);
    return values_of(block);
  }

 private:
  template <class Self, class R>
  friend class gather_starter;
  using typename starter::stage;
  [[nodiscard]] bool is_empty() const noexcept { return arguments_.empty() && !this->started(); }
  using fork_type = vector_fork<child_value>;
  [[nodiscard]] static value_type values_of(fork_type& block) {
    value_type all;
    all.reserve(block.child_count());
    for (std::uint32_t i = 0; i < block.child_count(); ++i) {
      all.push_back(gathered_of<Errors, child_value>(block.results[i]));
    }
    return all;
  }

  gathering_future<value_type> make() {
    pooled_vector<core_ref<future_core>> children;
    children.reserve(arguments_.size());
    arguments_.hand_out([&children](auto&& each) {
      children.push_back(future_of(std::forward<decltype(each)>(each), "gather", false));
    });
    home& here = gather_home(children);
    return gathering_future<value_type>(
        core_ref<future_core>(new many_gather<Errors, child_value, Values>(here, std::move(children))));
  }

  Given arguments_;
};

}  // namespace gyre::detail
