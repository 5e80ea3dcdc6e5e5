// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the protocols of core and sync are built of in the models: atomics, locks, barriers, and plain variables that are
// watched for races. See gyre/base/policy.hpp. Include it after the headers under test.
#include <array>
#include <memory>
#include <type_traits>

#include "model.hpp"

namespace gyre_model {

/// A plain variable of the source under test: two threads that use it without order are a data race.
template <class T>
class model_var {
 public:
  model_var() noexcept = default;            // to read it before it was written is an error
  model_var(T value) { inner_($) = value; }  // NOLINT: as T
  model_var(const model_var& other) { inner_($) = static_cast<T>(other); }
  model_var& operator=(const model_var& other) { return *this = static_cast<T>(other); }
  model_var& operator=(T value) {
    inner_($) = value;
    return *this;
  }
  operator T() const { return const_cast<rl::var<T>&>(inner_)($); }  // NOLINT: as T
  T operator->() const { return static_cast<T>(*this); }
  model_var& operator++() { return *this = static_cast<T>(*this) + 1; }
  model_var& operator--() { return *this = static_cast<T>(*this) - 1; }
  model_var& operator+=(T more) { return *this = static_cast<T>(*this) + more; }

 private:
  rl::var<T> inner_;
};

/// A short lock. That a spin_lock is one has its own model.
class model_lock {
 public:
  void lock() { inner_.lock($); }
  void unlock() { inner_.unlock($); }

 private:
  rl::mutex inner_;
};

/// membarrier(2): the caller of the heavy barrier makes every other thread pass a full barrier. Each thread has a word of
/// its own, which its light barriers touch, and which the heavy ones of the others touch: so a light barrier is ordered
/// against heavy ones, and two light ones are not ordered against each other. A model that needs barriers owns one.
class model_barriers {
 public:
  static constexpr std::size_t threads = 4;

  model_barriers() { current() = this; }
  model_barriers(const model_barriers&) = delete;
  model_barriers& operator=(const model_barriers&) = delete;
  ~model_barriers() { current() = nullptr; }

  static void light() { current()->words_[me()].fetch_add(1, std::memory_order_acq_rel); }
  static void heavy() {
    for (auto& word : current()->words_) word.fetch_add(1, std::memory_order_acq_rel);
  }

 private:
  static std::size_t me() { return static_cast<std::size_t>(rl::ctx().threadx_->index_) % threads; }
  static model_barriers*& current() {
    static model_barriers* the_ones = nullptr;
    return the_ones;
  }
  std::array<model_atomic<int>, threads> words_{0, 0, 0, 0};
};

/// An exchange that fails for no reason only goes round its loop once more; the models of single words try that, the larger
/// ones search elsewhere.
template <class T>
class steady_atomic : public model_atomic<T> {
 public:
  using model_atomic<T>::model_atomic;
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return this->compare_exchange_strong(expected, value, success, failure);
  }
};

/// Relacy prints values, and knows numbers.
template <class T>
  requires std::is_enum_v<T>
class steady_atomic<T> {
 public:
  steady_atomic(T value) : inner_(static_cast<int>(value)) {}  // NOLINT: as std::atomic
  T load(std::memory_order o) const { return static_cast<T>(inner_.load(o)); }
  void store(T value, std::memory_order o) { inner_.store(static_cast<int>(value), o); }
  T exchange(T value, std::memory_order o) { return static_cast<T>(inner_.exchange(static_cast<int>(value), o)); }

 private:
  model_atomic<int> inner_;
};

struct model_policy : model_atomics {
  template <class T>
  using atomic = steady_atomic<T>;
  template <class T>
  using var = model_var<T>;
  using lock = model_lock;

  static void light_barrier() { model_barriers::light(); }
  static void heavy_barrier() { model_barriers::heavy(); }
};

/// Posts that one thread waits for. When nobody can post any more, Relacy reports a deadlock: a lost wake-up.
class model_signal {
 public:
  model_signal() { inner_.init(false, 0, 1'000, $); }
  model_signal(const model_signal&) = delete;
  model_signal& operator=(const model_signal&) = delete;
  ~model_signal() { inner_.deinit($); }

  void post() {
    unsigned before = 0;
    inner_.post(1, before, $);
  }
  void wait() { inner_.wait(false, false, $); }

 private:
  rl::semaphore<model_policy> inner_;
};

}  // namespace gyre_model
