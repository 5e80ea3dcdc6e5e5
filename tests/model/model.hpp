// SPDX-License-Identifier: BSL-1.0
#pragma once
// The shipped lock-free templates over the atomics of a model checker: every interleaving within a bound, under the C++
// memory model. Include this after the headers under test; Relacy turns `new`, memory orders and more into macros.
#include <gyre/base/relax.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iostream>
#include <vector>

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
  T exchange(T value, std::memory_order o) {
    return inner_.rmw(rl::rmw_type_t<rl::rmw_type_swap>(), value, order(o), $);
  }
  T fetch_or(T value, std::memory_order o) { return inner_.rmw(rl::rmw_type_t<rl::rmw_type_or>(), value, order(o), $); }
  T fetch_and(T value, std::memory_order o) {
    return inner_.rmw(rl::rmw_type_t<rl::rmw_type_and>(), value, order(o), $);
  }
  T fetch_add(T value, std::memory_order o) {
    return inner_.rmw(rl::rmw_type_t<rl::rmw_type_add>(), value, order(o), $);
  }
  T fetch_sub(T value, std::memory_order o) {
    return inner_.rmw(rl::rmw_type_t<rl::rmw_type_sub>(), value, order(o), $);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return inner_.compare_exchange(rl::bool_t<true>(), expected, value, order(success), order(failure), $);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return inner_.compare_exchange(rl::bool_t<false>(), expected, value, order(success), order(failure), $);
  }

 private:
  rl::atomic<T> inner_;
};

/// What a barrier is in the models: a read-modify-write of one word, which orders any two of them as membarrier orders its
/// caller against the others. A model that needs barriers owns one.
class barrier_word {
 public:
  barrier_word() { current() = this; }
  barrier_word(const barrier_word&) = delete;
  barrier_word& operator=(const barrier_word&) = delete;
  ~barrier_word() { current() = nullptr; }

  static void pass() { current()->word_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  static barrier_word*& current() {
    static barrier_word* the_one = nullptr;
    return the_one;
  }
  model_atomic<int> word_{0};
};

struct model_atomics {
  template <class T>
  using atomic = model_atomic<T>;

  static void heavy_barrier() noexcept { barrier_word::pass(); }
  static void light_barrier() noexcept { barrier_word::pass(); }
};

/// A plain variable of the source under test: two threads that use it without order are a data race.
template <class T>
class watched {
 public:
  watched(T value) { inner_($) = value; }  // NOLINT: as T
  watched(const watched& other) { inner_($) = other; }
  watched& operator=(const watched& other) { return *this = static_cast<T>(other); }
  watched& operator=(T value) {
    inner_($) = value;
    return *this;
  }
  operator T() const { return const_cast<rl::var<T>&>(inner_)($); }  // NOLINT: as T

 private:
  rl::var<T> inner_;
};

/// For gyre::detail::assert_failed in a model: the execution is a bad one.
[[noreturn]] inline void broken_invariant(const char* what) {
  std::printf("broken invariant: %s\n", what);
  RL_ASSERT(false);
  std::abort();
}

/// As rl::simulate, for one way of searching: fewer templates to compile. A bad execution is run again for its history.
template <class Model, template <rl::thread_id_t> class Scheduler>
bool search(const char* name, rl::test_params& params) {
  using scheduler = Scheduler<Model::params::thread_count>;
  std::ostream silent(nullptr);
  rl::ostringstream state;  // with an allocator of its own: Relacy replaces operator new inside a model
  rl::ostringstream again;
  params.test_name = name;
  params.progress_stream = &silent;
  if (rl::run_test<Model, scheduler>(params, state, false) == rl::test_result_success) return true;
  params.initial_state = state.str();
  params.final_state = state.str();
  params.collect_history = true;
  rl::run_test<Model, scheduler>(params, again, true);
  return false;
}

/// Searches all executions with at most `preemptions` preemptions, then some random ones. False if one fails.
template <class Model>
bool check(const char* name, unsigned preemptions = 2, rl::iteration_t random_runs = 20'000) {
  rl::test_params bounded;
  bounded.search_type = rl::fair_context_bound_scheduler_type;
  bounded.context_bound = preemptions;
  bounded.iteration_count = 2'000'000'000;
  rl::test_params random;
  random.search_type = rl::random_scheduler_type;
  random.iteration_count = random_runs;
  const bool good =
      search<Model, rl::context_bound_scheduler>(name, bounded) && search<Model, rl::random_scheduler>(name, random);
  std::printf("%s %s: %llu executions\n", good ? "ok  " : "FAIL", name,
              static_cast<unsigned long long>(bounded.stop_iteration));
  return good;
}

/// One model among those of a program.
struct scenario_entry {
  const char* name;
  unsigned preemptions;
  bool (*search)(const char* name, unsigned preemptions, rl::iteration_t random_runs);
};

template <class Model>
scenario_entry scenario(const char* name, unsigned preemptions = 2) {
  return {name, preemptions, &check<Model>};
}

/// Runs those whose names contain one of the words given, all if none is given. `--preemptions N`: at least so many;
/// `--random N`: so many random runs. The value for main().
inline int run(int argc, char** argv, std::initializer_list<scenario_entry> all) {
  unsigned preemptions = 0;
  rl::iteration_t random_runs = 20'000;
  std::vector<const char*> words;
  for (int i = 1; i < argc; ++i) {
    const bool more = std::strcmp(argv[i], "--preemptions") == 0;
    if (!more && std::strcmp(argv[i], "--random") != 0) {
      words.push_back(argv[i]);
    } else if (++i == argc) {
      std::printf("usage: %s [--preemptions N] [--random N] [WORD]...\n", argv[0]);
      return 2;
    } else if (more) {
      preemptions = static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10));
    } else {
      random_runs = std::strtoull(argv[i], nullptr, 10);
    }
  }
  bool good = true;
  bool any = false;
  for (const scenario_entry& each : all) {
    const auto named = [&](const char* word) { return std::strstr(each.name, word) != nullptr; };
    if (!words.empty() && std::none_of(words.begin(), words.end(), named)) continue;
    any = true;
    good = each.search(each.name, std::max(preemptions, each.preemptions), random_runs) && good;
  }
  if (!any) std::printf("no model has such a name\n");
  return good && any ? 0 : 1;
}

}  // namespace gyre_model

/// The model's spin gives the other threads their turn. Relacy and the library's own body must not be linked together.
inline void gyre_model_backoff() { rl::yield(1, $); }
inline gyre::detail::standing_aside::~standing_aside() = default;
inline void gyre::detail::standing_aside::once() noexcept { gyre_model_backoff(); }
