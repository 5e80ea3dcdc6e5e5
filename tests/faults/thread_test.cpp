// SPDX-License-Identifier: BSL-1.0
// The system refuses threads. Not under the sanitizers, which stand before pthread_create themselves.
#include "loop_test.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#ifndef GYRE_TEST_COUNTS_ALLOCATIONS
#define GYRE_TEST_COUNTS_ALLOCATIONS 1
#endif

#if GYRE_TEST_COUNTS_ALLOCATIONS

using namespace gyre;
using namespace gyre_test;

namespace {

std::atomic<int> threads_left{-1};  // how many more may be started; -1: any number

}  // namespace

// Stands before the system's, for the whole program.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto next = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "pthread_create"));
  int left = threads_left.load();
  while (left > 0 && !threads_left.compare_exchange_weak(left, left - 1)) {
  }
  return left == 0 ? EAGAIN : next(thread, attributes, body, argument);
}

namespace {

class thread_limit {
 public:
  explicit thread_limit(int more) { threads_left.store(more); }
  thread_limit(const thread_limit&) = delete;
  thread_limit& operator=(const thread_limit&) = delete;
  ~thread_limit() { threads_left.store(-1); }
};

int threads_of_process() {
  int n = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) n += each.exists() ? 1 : 0;
  return n;
}

template <class F>
int error_code_of(F f) {
  try {
    f();
    return 0;
  } catch (const std::system_error& e) {
    return e.code() == std::errc::resource_unavailable_try_again ? EAGAIN : -1;
  }
}

coro<int> number() { co_return 5; }

}  // namespace

TEST_CASE("FAULT-26: a runtime whose threads cannot all be started leaves none behind", "[faults]") {
  const int before = threads_of_process();
  for (int allowed = 0; allowed < 4; ++allowed) {
    INFO(allowed << " threads may be started");
    const thread_limit limit(allowed);
    CHECK(error_code_of([] { const runtime r(run_options().loops(4)); }) == EAGAIN);
    CHECK(threads_of_process() == before);
    threads_left.store(std::min(allowed, 2));
    bool ran = false;
    const auto main = [](bool& it_ran) -> coro<> {
      it_ran = true;
      co_return;
    };
    CHECK(error_code_of([&] { run(main(ran), run_options().loops(4)); }) == EAGAIN);
    CHECK_FALSE(ran);
    CHECK(threads_of_process() == before);
  }
  CHECK(run(number(), run_options().loops(4)) == 5);
}

TEST_CASE("FAULT-26: to_thread without a single thread tells its caller; with one, that one does all", "[faults]") {
  const auto main = []() -> coro<int> {
    bool told = false;
    {
      const thread_limit none(0);
      try {
        co_await to_thread([] {});
      } catch (const std::system_error& e) {
        told = e.code() == std::errc::resource_unavailable_try_again;
      }
    }
    CHECK(told);
    const thread_limit one(1);
    std::vector<task<int>> all;
    const auto offloaded = [](int i) -> coro<int> {
      const auto same = [](int value) { return value; };
      co_return co_await to_thread(same, i);
    };
    for (int i = 0; i < 20; ++i) all.push_back(create_task(offloaded(i)));
    int sum = 0;
    for (const auto& each : all) sum += co_await each;
    threads_left.store(-1);  // the end of run() needs one
    co_return sum;
  };
  CHECK(run(main(), one_loop()) == 190);
}

#endif
