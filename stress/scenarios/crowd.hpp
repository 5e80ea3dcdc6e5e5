// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the scenarios share: tasks spread over the loops, and those who cancel them.
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "../harness/scenario.hpp"

namespace storm {

using namespace std::chrono_literals;

/// Where a new task starts: on any loop, pinned or not.
[[nodiscard]] inline gyre::task_options anywhere(dice& d) {
  gyre::task_options place;
  if (d.one_in(2)) place.loop = &gyre::current_runtime().loop(d.between(0, gyre::loop_count() - 1));
  place.pin = d.one_in(4);
  return place;
}

/// Some turns, or a little time.
inline gyre::coro<> pause(dice d) {
  for (std::size_t n = d.below(3); n > 0; --n) co_await gyre::sleep(d.delay(50us));
}

/// Waits until `other` is done, cancelling it again and again; then lets the last cancel of its own task out.
inline gyre::coro<> put_down(gyre::task<> other) {
  std::exception_ptr own;
  while (!other.done()) {
    other.cancel();
    try {
      gyre::wait_options limit;
      limit.timeout = 1ms;
      static_cast<void>(co_await gyre::wait(limit, other));
    } catch (const gyre::cancelled_error&) {
      own = std::current_exception();
    }
  }
  if (own != nullptr) std::rethrow_exception(own);
}

/// Tasks that are cancelled at random by tasks of other loops and, on real loops, by foreign threads.
class victims {
 public:
  /// `patience`: the larger, the longer between two cancels of one attacker.
  explicit victims(trial& t, std::size_t patience = 1) noexcept : trial_(t), patience_(patience) {}

  /// Before attack().
  void add(gyre::task<> t) {
    tasks_.push_back(std::move(t));
    accepted_.emplace_back();
  }
  /// Cancels `each` times as many as there are tasks, or until all have ended; then waits for that.
  gyre::coro<> attack(std::size_t each);

  [[nodiscard]] const std::vector<gyre::task<>>& tasks() const noexcept { return tasks_; }
  /// How many cancels of task `i` were not too late.
  [[nodiscard]] std::uint64_t accepted(std::size_t i) const noexcept { return accepted_[i].count.load(); }

 private:
  struct counter {
    counter() = default;
    counter(counter&& other) noexcept : count(other.count.load()) {}
    std::atomic<std::uint64_t> count{0};
  };
  void cancel_one(dice& d) {
    const std::size_t i = d.below(tasks_.size());
    if (tasks_[i].cancel()) ++accepted_[i].count;
  }
  static gyre::coro<> cancel_some(victims& self, dice d, std::size_t count);
  void cancel_from_outside(dice d, std::size_t count, const std::atomic<bool>& over);

  trial& trial_;
  std::size_t patience_;
  std::vector<gyre::task<>> tasks_;
  std::vector<counter> accepted_;
};

inline gyre::coro<> victims::cancel_some(victims& self, dice d, std::size_t count) {
  for (; count > 0; --count) {
    self.cancel_one(d);
    for (std::size_t n = 1 + d.below(self.patience_); n > 0; --n) co_await pause(d.split());
  }
}

inline void victims::cancel_from_outside(dice d, std::size_t count, const std::atomic<bool>& over) {
  for (; count > 0 && !over.load(); --count) {
    cancel_one(d);
    for (std::size_t spins = d.below(200 * patience_); spins > 0; --spins) static_cast<void>(d.next());
    if (d.one_in(4)) std::this_thread::yield();
  }
}

inline gyre::coro<> victims::attack(std::size_t each) {
  constexpr std::size_t attackers = 3;
  dice& d = trial_.random;
  std::atomic<bool> over{false};
  std::vector<std::thread> outside;
  const std::size_t count = each * tasks_.size() / attackers + 1;
  if (!trial_.simulated) {
    for (std::size_t i = 0; i + 1 < attackers; ++i) {
      outside.emplace_back([this, own = d.split(), count, &over] { cancel_from_outside(own, count, over); });
    }
  }
  std::vector<gyre::task<>> inside;
  for (std::size_t i = 0; i < attackers; ++i) {
    const gyre::task_options place = anywhere(d);
    inside.push_back(gyre::create_task(place, &victims::cancel_some, std::ref(*this), d.split(), count));
  }
  static_cast<void>(co_await gyre::wait(tasks_));
  over.store(true);
  for (const gyre::task<>& one : inside) one.cancel();
  static_cast<void>(co_await gyre::wait(inside));
  for (std::thread& one : outside) one.join();
}

/// Does `once` until it has succeeded `quota` times, whatever cancels come.
template <class Shared>
gyre::coro<> stubborn(Shared& shared, dice d, std::size_t quota, gyre::coro<> (*once)(Shared&, dice),
                      std::atomic<std::size_t>& begun, alive) {
  ++begun;
  for (std::size_t done = 0; done < quota;) {
    try {
      co_await once(shared, d.split());
      ++done;
      shared.t.did();
    } catch (const gyre::cancelled_error&) {
      gyre::current_task().uncancel();
    }
  }
}

/// `count` stubborn tasks, to their end; the attack begins when all have begun: who was cancelled before does nothing at all.
template <class Shared>
gyre::coro<> besiege(Shared& shared, std::size_t count, std::size_t quota, gyre::coro<> (*once)(Shared&, dice)) {
  trial& t = shared.t;
  victims all(t, std::size_t{1} << t.random.below(4));
  std::atomic<std::size_t> begun{0};
  for (std::size_t i = 0; i < count; ++i) {
    const gyre::task_options place = anywhere(t.random);
    all.add(gyre::create_task(place, &stubborn<Shared>, std::ref(shared), t.random.split(), quota, once,
                              std::ref(begun), alive(t)));
  }
  while (begun.load() < count) co_await gyre::sleep(0ns);
  co_await all.attack(4 * quota);
}

/// What went through something: how many, and a sum that tells them apart.
class ledger {
 public:
  void note(std::uint64_t item) noexcept {
    count_.fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(dice(item).next(), std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(); }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.load(); }

 private:
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> sum_{0};
};

/// The same items in both, each as often.
inline void expect_same(trial& t, const char* what, const ledger& in, const ledger& out) {
  t.expect_equal(std::string(what) + ": items out", out.count(), in.count());
  t.expect_equal(std::string(what) + ": sum of items out", out.sum(), in.sum());
}

}  // namespace storm
