// SPDX-License-Identifier: BSL-1.0
// Stacks: sizes, the pool, the high-water mark, the guard page.
#include "loop_test.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

int use_stack(std::size_t bytes);
int (*volatile use_more)(std::size_t) = &use_stack;  // a call that no compiler sees through: no loop takes its place

// Uses about `bytes` of the stack, a KiB a frame.
GYRE_NOINLINE int use_stack(std::size_t bytes) {
  std::array<volatile char, 1024> room{};
  asm volatile("" : : "r"(room.data()) : "memory");  // somebody may look at all of it: it has to be there
  for (std::size_t i = 0; i < room.size(); i += 64) room[i] = static_cast<char>(i);
  const int below = bytes > room.size() ? use_more(bytes - room.size()) : 0;
  return below + room[64];
}

// What the process has mapped: a sanitizer's shadow alone is more than any fixed limit.
std::size_t mapped_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

run_options quiet(int loops) { return run_options().loops(loops); }

}  // namespace

TEST_CASE("fiber stack: the size can be chosen, and is used", "[fiber][stack]") {
  const std::size_t mebibyte = std::size_t{1} << 20U;
  fiber_options large;
  large.stack_size = 4 * mebibyte;
  run(fiber(large, use_stack, 2 * mebibyte), quiet(1));
  const fiber_counts counts = fiber_stats();
  CHECK(counts.high_water_bytes >= mebibyte);
  CHECK(counts.high_water_bytes <= 4 * mebibyte);
}

TEST_CASE("fiber stack: an impossible size is refused at once", "[fiber][stack]") {
  fiber_options absurd;
  absurd.stack_size = std::size_t{1} << 40U;
  CHECK_THROWS_AS(fiber(absurd, use_stack, std::size_t{1}), value_error);
  fiber_options tiny;
  tiny.stack_size = 0;
  CHECK_NOTHROW(run(fiber(tiny, [] {}), quiet(1)));
}

TEST_CASE("fiber stack: without address space the await throws bad_alloc and the task goes on", "[fiber][stack]") {
  fiber_options large;
  large.stack_size = std::size_t{1} << 30U;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  const std::string said = run(
      [](fiber_options options, rlimit old) -> coro<std::string> {
        rlimit low = old;
        low.rlim_cur = mapped_bytes() + (std::size_t{1} << 29U);  // room for all but such a stack
        ::setrlimit(RLIMIT_AS, &low);
        std::string ended;
        try {
          co_await fiber(options, [] {});
          ended = "ran";
        } catch (const std::bad_alloc&) {
          ended = "bad_alloc";
        }
        ::setrlimit(RLIMIT_AS, &old);
        co_return ended;
      }(large, before),
      quiet(1));
  CHECK(said == "bad_alloc");
}

TEST_CASE("fiber stack: stacks go back to a pool and are used again", "[fiber][stack]") {
  const auto round = []() -> coro<> {
    std::vector<task<>> all;
    for (int i = 0; i < 50; ++i) all.push_back(create_task(fiber([] { gyre::await(sleep(1ms)); })));
    co_await sleep(0ns);
    const fiber_counts inside = fiber_stats();
    CHECK(inside.in_use == 50);
    co_await gather(all);
  };
  run(round(), quiet(1));
  const fiber_counts first = fiber_stats();
  CHECK(first.in_use == 0);
  CHECK(first.pooled >= 50);
  for (int i = 0; i < 5; ++i) run(round(), quiet(1));
  const fiber_counts later = fiber_stats();
  CHECK(later.pooled == first.pooled);
  CHECK(later.mapped_bytes == first.mapped_bytes);
}

TEST_CASE("fiber stack: what the pool cannot keep is unmapped, and its high-water mark stays", "[fiber][stack]") {
  const std::size_t mebibyte = std::size_t{1} << 20U;
  fiber_options huge;
  huge.stack_size = 512 * mebibyte;
  const std::size_t before = fiber_stats().mapped_bytes;
  run(fiber(huge, use_stack, 8 * mebibyte), quiet(1));
  const fiber_counts after = fiber_stats();
  CHECK(after.mapped_bytes == before);
  CHECK(after.high_water_bytes >= 4 * mebibyte);
}

TEST_CASE("fiber stack: an overflow ends the process at the guard page", "[fiber][stack]") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(signal, SIG_DFL);
    const int no_output = ::open("/dev/null", O_WRONLY);
    ::dup2(no_output, 2);
    run(fiber(use_stack, std::size_t{1} << 20U), quiet(1));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
