// SPDX-License-Identifier: BSL-1.0
#pragma once
// The shipped lock-free templates over the atomics of a model checker: every interleaving within a bound, under the C++
// memory model. Include this after the headers under test; Relacy turns `new`, memory orders and more into macros.
#include <gyre/base/relax.hpp>

#include <atomic>
#include <cstdio>
#include <iostream>

#pragma GCC system_header
#include <relacy/relacy.hpp>

#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno

namespace gyre_model {

inline rl::memory_order order(std::memory_order o) noexcept {
  switch (o) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

/// std::atomic's members over Relacy's atomic.
template <class T>
class model_atomic {
 public:
  model_atomic() = default;
  model_atomic(T value) { store(value, std::memory_order_relaxed); }  // NOLINT: as std::atomic

  T load(std::memory_order o) const { return inner_.load(order(o), $); }
  void store(T value, std::memory_order o) { inner_.store(value, order(o), $); }
  T exchange(T value, std::memory_order o) { return inner_.rmw(rl::rmw_type_t<rl::rmw_type_swap>(), value, order(o), $); }
  T fetch_or(T value, std::memory_order o) { return inner_.rmw(rl::rmw_type_t<rl::rmw_type_or>(), value, order(o), $); }
  T fetch_and(T value, std::memory_order o) { return inner_.rmw(rl::rmw_type_t<rl::rmw_type_and>(), value, order(o), $); }
  T fetch_sub(T value, std::memory_order o) { return inner_.rmw(rl::rmw_type_t<rl::rmw_type_sub>(), value, order(o), $); }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return inner_.compare_exchange(rl::bool_t<true>(), expected, value, order(success), order(failure), $);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return inner_.compare_exchange(rl::bool_t<false>(), expected, value, order(success), order(failure), $);
  }

 private:
  rl::atomic<T> inner_;
};

struct model_atomics {
  template <class T>
  using atomic = model_atomic<T>;
};

/// Searches all executions with at most `preemptions` preemptions, then some random ones. False if one fails.
template <class Model>
bool check(const char* name, unsigned preemptions = 2, rl::iteration_t random_runs = 20'000) {
  std::ostream silent(nullptr);
  rl::test_params bounded;
  bounded.search_type = rl::fair_context_bound_scheduler_type;
  bounded.context_bound = preemptions;
  bounded.iteration_count = 2'000'000'000;
  bounded.progress_stream = &silent;
  rl::test_params random;
  random.search_type = rl::random_scheduler_type;
  random.iteration_count = random_runs;
  random.progress_stream = &silent;
  const bool good = rl::simulate<Model>(bounded) && rl::simulate<Model>(random);
  std::printf("%s %s: %llu executions\n", good ? "ok  " : "FAIL", name,
              static_cast<unsigned long long>(bounded.stop_iteration));
  return good;
}

}  // namespace gyre_model

/// The model's spin gives the other threads their turn. Relacy and the library's own body must not be linked together.
inline void gyre_model_backoff() { rl::yield(1, $); }
