// SPDX-License-Identifier: BSL-1.0
#pragma once
// What semaphore, lock and event do with their waiters, over the types of task and lock, so that the model checker runs
// the same steps (tests/model).  Layer: sync.
#include <gyre/base/relax.hpp>
#include <gyre/sync/waiters.hpp>

#include <cstddef>
#include <mutex>

namespace gyre::detail {

/// The permits of a semaphore.
///
/// A permit is handed over: grant_one() takes it off value_ for the waiter that it wakes. A waiter that was granted a permit
/// and resumes cancelled puts it back and grants on. Every waiter that resumes grants what is left, so that permits never
/// lie idle while somebody waits.
template <class Task, class Policy = std_policy>
class basic_permits {
 public:
  using node = basic_wait_node<Task, Policy>;
  using wake_list = basic_wake_list<Task>;

  explicit basic_permits(std::ptrdiff_t value) : value_(value) {}
  [[nodiscard]] bool unused() const noexcept { return waiters_.empty(); }

  [[nodiscard]] bool try_acquire() noexcept {
    const std::lock_guard hold(guard_);
    return take();
  }
  /// Parks the task, unless there is a permit by now: then false.
  template <class At>
  [[nodiscard]] bool wait(node& n, Task& t, At at) noexcept {
    std::unique_lock hold(guard_);
    if (take()) return false;
    wait_in(waiters_, n, hold, t, at);
    return true;
  }
  /// A task that waited goes on. `cancelled`: by a cancel, which may have come after a grant.
  void resume(node& n, bool cancelled) noexcept {
    wake_list woken;
    const std::lock_guard hold(guard_);
    waiters_.remove(n);
    if (cancelled && n.granted) ++value_;
    while (value_ > 0 && grant_one(woken)) {
    }
  }
  /// The frame of a waiter is destroyed in mid-wait.
  void forget(node& n) noexcept {
    const std::lock_guard hold(guard_);
    waiters_.remove(n);
  }

  /// False, and nothing has changed, if there are `bound` permits already.
  [[nodiscard]] bool release_below(std::ptrdiff_t bound) noexcept {
    wake_list woken;
    const std::lock_guard hold(guard_);
    if (value_ >= bound) return false;
    ++value_;
    grant_one(woken);
    return true;
  }

  struct look {
    bool locked;
    std::ptrdiff_t value;
    std::size_t waiters;
  };
  [[nodiscard]] bool locked() const noexcept {
    const std::lock_guard hold(guard_);
    return must_wait();
  }
  [[nodiscard]] look show() const noexcept {
    const std::lock_guard hold(guard_);
    return {must_wait(), value_, waiters_.size()};
  }
  /// What a task that is parked here has lost, at a moment when no thread is at work; null if it waits rightly.
  [[nodiscard]] const char* lost() const noexcept {
    return value_ > 0 ? "waits for a semaphore that has permits" : lost_in(waiters_);
  }

 private:
  // These under guard_.
  [[nodiscard]] bool must_wait() const noexcept { return value_ == 0 || waiters_.has_live(); }
  bool take() noexcept {
    if (must_wait()) return false;
    --value_;
    return true;
  }
  bool grant_one(wake_list& woken) noexcept {
    if (!waiters_.grant_next(woken)) return false;
    --value_;
    return true;
  }

  mutable typename Policy::lock guard_;
  typename Policy::template var<std::ptrdiff_t> value_;
  mutable basic_wait_queue<Task, Policy> waiters_;
};

/// Whose turn it is at a lock.
///
/// release() does not hand the lock over: it frees it and wakes the first waiter, which stays in the queue until it resumes
/// and so keeps newcomers out. A waiter that resumes cancelled wakes the next one if the lock is free by then.
///
///   word_     bit       meaning                     set by                      cleared by
///             locked    somebody has the lock       try_acquire, under guarded  release_alone, under guarded
///             queued    the list is not empty       under guarded               under guarded
///             guarded   somebody is at the list     guard                       guard
///
/// While nobody waits and nobody is at the list, the lock is one compare-exchange each way; whoever finds another bit set
/// takes the guard, which keeps all other changes away. Acquire and release of the word order the list, the holder and what
/// the lock is there for.
///
/// Holder notes who has it: taken() by the running task, freed() for a waiter to come.
template <class Task, class Policy, class Holder>
class basic_turns {
 public:
  using node = basic_wait_node<Task, Policy>;
  using wake_list = basic_wake_list<Task>;

  [[nodiscard]] bool unused() const noexcept { return waiters_.empty(); }

  /// May fail for no reason: wait() tries again.
  [[nodiscard]] bool try_acquire() noexcept {
    word_type free = 0;
    if (!word_.compare_exchange_strong(free, locked_bit, std::memory_order_acquire, std::memory_order_relaxed)) {
      return false;
    }
    holder_.taken();
    return true;
  }
  /// Parks the task, unless it is free by now: then false.
  template <class At>
  [[nodiscard]] bool wait(node& n, Task& t, At at) noexcept {
    guard hold(*this);
    if (hold.take()) return false;
    wait_in(waiters_, n, hold, t, at);
    return true;
  }
  /// A task that waited goes on: it has the lock, unless a cancel ended its wait.
  void resume(node& n, bool cancelled) noexcept {
    wake_list woken;
    guard hold(*this);
    waiters_.remove(n);
    if (!cancelled) {
      hold.locked = true;
      holder_.taken();
    } else if (!hold.locked) {
      waiters_.grant_first(woken);
    }
  }
  /// The frame of a waiter is destroyed in mid-wait.
  void forget(node& n) noexcept {
    const guard hold(*this);
    waiters_.remove(n);
  }

  /// Frees it if it is locked and nobody waits. False, maybe for no reason: then release_to_waiter() must follow.
  [[nodiscard]] bool release_alone() noexcept {
    word_type alone = locked_bit;
    return word_.compare_exchange_strong(alone, 0, std::memory_order_release, std::memory_order_relaxed);
  }
  /// False if it is not locked.
  [[nodiscard]] bool release_to_waiter(wake_list& woken) noexcept {
    guard hold(*this);
    if (!hold.locked) return false;
    hold.locked = false;
    holder_.freed();
    waiters_.grant_first(woken);
    return true;
  }
  /// False if it is not locked.
  [[nodiscard]] bool try_release(wake_list& woken) noexcept { return release_alone() || release_to_waiter(woken); }

  /// Without the guard.
  [[nodiscard]] const Holder& holder() const noexcept { return holder_; }

  struct look {
    bool locked;
    std::size_t waiters;
  };
  [[nodiscard]] bool locked() const noexcept { return (word_.load(std::memory_order_relaxed) & locked_bit) != 0; }
  [[nodiscard]] look show() const noexcept {
    const guard hold(const_cast<basic_turns&>(*this));
    return {hold.locked, waiters_.size()};
  }
  /// What a task that is parked here has lost, at a moment when no thread is at work; null if it waits rightly.
  [[nodiscard]] const char* lost() const noexcept {
    return locked() ? lost_in(waiters_) : "waits for a lock that is free";
  }

 private:
  using word_type = unsigned;
  static constexpr word_type locked_bit = 1, queued_bit = 2, guarded_bit = 4;

  /// Keeps everybody else from the word while it lives, or until unlock().
  class guard {
   public:
    explicit guard(basic_turns& of) noexcept : locked((of.close() & locked_bit) != 0), turns_(of) {}
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      if (!open_) unlock();
    }
    void unlock() noexcept {
      open_ = true;
      turns_.word_.store((locked ? locked_bit : 0) | (turns_.waiters_.empty() ? 0 : queued_bit),
                         std::memory_order_release);
    }
    [[nodiscard]] bool take() noexcept {
      if (locked || turns_.waiters_.has_live()) return false;
      locked = true;
      turns_.holder_.taken();
      return true;
    }

    bool locked;

   private:
    basic_turns& turns_;
    bool open_ = false;
  };

  word_type close() noexcept {
    backoff pause;
    for (word_type w = word_.load(std::memory_order_relaxed);;) {
      if ((w & guarded_bit) != 0) {
        pause.once();
        w = word_.load(std::memory_order_relaxed);
      } else if (word_.compare_exchange_weak(w, w | guarded_bit, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
        return w;
      }
    }
  }

  typename Policy::template atomic<word_type> word_{0};
  basic_wait_queue<Task, Policy> waiters_;
  Holder holder_;
};

/// A flag that is set or not, and who waits for it.
template <class Task, class Policy = std_policy>
class basic_flag {
 public:
  using node = basic_wait_node<Task, Policy>;
  using wake_list = basic_wake_list<Task>;

  [[nodiscard]] bool unused() const noexcept { return waiters_.empty(); }

  void set() noexcept {
    wake_list woken;
    const std::lock_guard hold(guard_);
    set_ = true;
    waiters_.grant_all(woken);
  }
  void clear() noexcept {
    const std::lock_guard hold(guard_);
    set_ = false;
  }
  [[nodiscard]] bool is_set() const noexcept {
    const std::lock_guard hold(guard_);
    return set_;
  }
  /// Parks the task, unless the flag is set by now: then false.
  template <class At>
  [[nodiscard]] bool wait(node& n, Task& t, At at) noexcept {
    std::unique_lock hold(guard_);
    if (set_) return false;
    wait_in(waiters_, n, hold, t, at);
    return true;
  }
  void leave(node& n) noexcept {
    const std::lock_guard hold(guard_);
    waiters_.remove(n);
  }

  struct look {
    bool set;
    std::size_t waiters;
  };
  [[nodiscard]] look show() const noexcept {
    const std::lock_guard hold(guard_);
    return {set_, waiters_.size()};
  }
  /// What a task that is parked here has lost, at a moment when no thread is at work; null if it waits rightly.
  [[nodiscard]] const char* lost() const noexcept {
    return set_ ? "waits for an event that is set" : lost_in(waiters_);
  }

 private:
  mutable typename Policy::lock guard_;
  typename Policy::template var<bool> set_{false};
  basic_wait_queue<Task, Policy> waiters_;
};

}  // namespace gyre::detail
