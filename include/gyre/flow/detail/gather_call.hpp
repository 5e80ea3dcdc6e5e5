// SPDX-License-Identifier: BSL-1.0
#pragma once
// What gather() returns: the arguments until it starts, then a fork-join or a future.  Layer: flow.

namespace gyre::detail {

/// The wait of a gather that is no fork-join: out of the way of one that is.
template <class R>
class future_wait {
  using awaiter = future_awaiter<R, true>;

 public:
  future_wait() noexcept {}  // NOLINT: awaiter_ stays unconstructed
  future_wait(const future_wait&) = delete;
  future_wait& operator=(const future_wait&) = delete;
  ~future_wait() {
    if (begun_) [[unlikely]] destroy();
  }

  [[nodiscard]] std::coroutine_handle<> begin(core_ref<future_core> awaited, std::coroutine_handle<> at) {
    std::construct_at(&awaiter_, std::move(awaited));
    begun_ = true;
    if (awaiter_.await_ready() || !awaiter_.await_suspend(promise_handle(at))) return transfer(at);
    return std::noop_coroutine();
  }
  GYRE_NOINLINE R end() { return awaiter_.await_resume(); }

 private:
  [[nodiscard]] static std::coroutine_handle<promise_base> promise_handle(std::coroutine_handle<> at) noexcept {
    return std::coroutine_handle<promise_base>::from_address(at.address());
  }
  GYRE_NOINLINE void destroy() noexcept { std::destroy_at(&awaiter_); }

  bool begun_ = false;
  union {
    awaiter awaiter_;
  };
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
    if constexpr (forks) {
      if (fork_ != nullptr) fork_->abandon();
    }
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <class Promise>
  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (forks) {
      thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (!this->started() && may_fork(me, thread)) [[likely]] {
        std::apply([](auto&... bodies) { (bodies.check_fresh("gather"), ...); }, arguments_);
        fork_ = fork_type::take(Errors, me, at, *thread.loop, arguments_);
        if (fork_ == nullptr) [[unlikely]] return fork_anew(thread, me, at);
        return transfer(fork_->launch(thread));
      }
    }
    return wait_as_future(at);
  }

  [[gnu::always_inline]] value_type await_resume() {
    if constexpr (forks) {
      if (fork_ != nullptr) [[likely]] {
        fork_type& block = *std::exchange(fork_, nullptr);
        block.check_and_leave_on_error();
        const leaver last(block);
        return std::apply(
            [](auto&... slots) {
              return value_type(gathered_of<Errors, value_of_argument<As>>(slots)...);
            },
            block.results);
      }
    }
    return wait_.end();
  }

 private:
  template <class Self, class R>
  friend class gather_starter;
  GYRE_NOINLINE std::coroutine_handle<> wait_as_future(std::coroutine_handle<> at) {
    return wait_.begin(this->start().shared("gather"), at);
  }
  GYRE_NOINLINE std::coroutine_handle<> fork_anew(thread_state& thread, task_core& me, std::coroutine_handle<> at) {
    fork_ = fork_type::make(Errors, me, at, *thread.loop, arguments_);
    return transfer(fork_->launch(thread));
  }
  static constexpr bool forks = sizeof...(As) > 0 && (is_coro_v<As> && ...);
  template <class... Bs>
  struct fork_for {
    using type = tuple_fork<value_of_argument<Bs>...>;
  };
  using fork_type = typename fork_for<As...>::type;
  struct leaver {
    explicit leaver(fork_type& b) noexcept : block(b) {}
    leaver(const leaver&) = delete;
    leaver& operator=(const leaver&) = delete;
    [[gnu::always_inline]] ~leaver() { block.template leave<fork_type>(); }
    fork_type& block;
  };

  gathering_future<value_type> make() {
    pooled_vector<core_ref<future_core>> children;
    children.reserve(sizeof...(As));
    std::apply([&](auto&... each) { (children.push_back(future_of(each, "gather", false)), ...); }, arguments_);
    home& here = gather_home(children);
    return gathering_future<value_type>(
        core_ref<future_core>(new tuple_gather<Errors, value_of_argument<As>...>(here, std::move(children))));
  }

  std::tuple<As...> arguments_;
  fork_type* fork_ = nullptr;
  future_wait<value_type> wait_;
};

template <bool Errors, class A>
class [[nodiscard]] gather_vector_call
    : public gather_starter<gather_vector_call<Errors, A>, std::vector<gathered<Errors, value_of_argument<A>>>> {
  using child_value = value_of_argument<A>;
  using starter = gather_starter<gather_vector_call<Errors, A>, std::vector<gathered<Errors, value_of_argument<A>>>>;

 public:
  using value_type = std::vector<gathered<Errors, child_value>>;

  explicit gather_vector_call(std::vector<A> all) noexcept : arguments_(std::move(all)) {}
  gather_vector_call(gather_vector_call&& other) noexcept
      : starter(std::move(other)), arguments_(std::move(other.arguments_)) {}
  gather_vector_call& operator=(gather_vector_call&&) = delete;
  ~gather_vector_call() {
    if (fork_ != nullptr) fork_->abandon();
  }

  /// As for a future that is done.
  [[nodiscard]] bool await_ready() const noexcept { return is_empty(); }

  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (is_coro_v<A>) {
      thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (!this->started() && may_fork(me, thread)) [[likely]] {
        for (const A& body : arguments_) body.check_fresh("gather");
        fork_ = vector_fork<child_value>::make(Errors, me, at, arguments_.size());
        return transfer(fork_->launch(thread, arguments_));
      }
    }
    return wait_as_future(at);
  }

  value_type await_resume() {
    if (fork_ == nullptr) return is_empty() ? value_type() : wait_.end();
    vector_fork<child_value>& block = *std::exchange(fork_, nullptr);
    block.check_and_leave_on_error();
    value_type all;
    all.reserve(block.child_count());
    for (std::uint32_t i = 0; i < block.child_count(); ++i) {
      all.push_back(gathered_of<Errors, child_value>(block.results[i]));
    }
    block.template leave<vector_fork<child_value>>();
    return all;
  }

 private:
  template <class Self, class R>
  friend class gather_starter;
  [[nodiscard]] bool is_empty() const noexcept { return arguments_.empty() && !this->started(); }
  GYRE_NOINLINE std::coroutine_handle<> wait_as_future(std::coroutine_handle<> at) {
    return wait_.begin(this->start().shared("gather"), at);
  }

  gathering_future<value_type> make() {
    pooled_vector<core_ref<future_core>> children;
    children.reserve(arguments_.size());
    for (A& each : arguments_) children.push_back(future_of(each, "gather", false));
    home& here = gather_home(children);
    return gathering_future<value_type>(
        core_ref<future_core>(new vector_gather<Errors, child_value>(here, std::move(children))));
  }

  std::vector<A> arguments_;
  vector_fork<child_value>* fork_ = nullptr;
  future_wait<value_type> wait_;
};

}  // namespace gyre::detail
