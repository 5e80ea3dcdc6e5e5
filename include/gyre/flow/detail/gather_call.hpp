// SPDX-License-Identifier: BSL-1.0
#pragma once
// What gather() returns: the arguments until it starts, then a fork-join or a future.  Layer: flow.

namespace gyre::detail {

template <class T>
std::coroutine_handle<typename coro<T>::promise_type> frame_of(coro<T>& body) {
  return body.consume("gather");
}

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
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (forks) {
      const thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (!this->started() && may_fork(me, thread)) {
        std::apply([](auto&... bodies) { (bodies.check_fresh("gather"), ...); }, arguments_);
        auto* block = fork_type::make(Errors);
        fork_ = block;
        return std::apply(
            [&](auto&... bodies) { return transfer(block->launch(me, at, *thread.loop, frame_of(bodies)...)); },
            arguments_);
      }
    }
    wait_.emplace(this->start().shared("gather"));
    if (wait_->await_ready() || !wait_->await_suspend(at)) return transfer(at);
    return std::noop_coroutine();
  }

  value_type await_resume() {
    if constexpr (forks) {
      if (fork_ != nullptr) {
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
    return wait_->await_resume();
  }

 private:
  template <class Self, class R>
  friend class gather_starter;
  static constexpr bool forks = sizeof...(As) > 0 && (is_coro_v<As> && ...);
  template <class... Bs>
  struct fork_for {
    using type = tuple_fork<value_of_argument<Bs>...>;
  };
  using fork_type = typename fork_for<As...>::type;
  struct leaver {
    explicit leaver(fork_block& b) noexcept : block(b) {}
    leaver(const leaver&) = delete;
    leaver& operator=(const leaver&) = delete;
    ~leaver() { block.leave(); }
    fork_block& block;
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
  std::optional<future_awaiter<value_type, true>> wait_;
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

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (is_coro_v<A>) {
      const thread_state& thread = this_thread();
      task_core& me = *at.promise().task;
      if (!this->started() && !arguments_.empty() && may_fork(me, thread)) {
        for (const A& body : arguments_) body.check_fresh("gather");
        fork_ = vector_fork<child_value>::make(Errors, arguments_.size());
        return transfer(fork_->launch(me, at, *thread.loop, arguments_));
      }
    }
    wait_.emplace(this->start().shared("gather"));
    if (wait_->await_ready() || !wait_->await_suspend(at)) return transfer(at);
    return std::noop_coroutine();
  }

  value_type await_resume() {
    if (fork_ == nullptr) return wait_->await_resume();
    vector_fork<child_value>& block = *std::exchange(fork_, nullptr);
    block.check_and_leave_on_error();
    value_type all;
    all.reserve(block.child_count());
    for (std::uint32_t i = 0; i < block.child_count(); ++i) {
      all.push_back(gathered_of<Errors, child_value>(block.results[i]));
    }
    block.leave();
    return all;
  }

 private:
  template <class Self, class R>
  friend class gather_starter;

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
  std::optional<future_awaiter<value_type, true>> wait_;
};

}  // namespace gyre::detail
