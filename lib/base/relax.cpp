// SPDX-License-Identifier: BSL-1.0
#include <sched.h>
#include <gyre/base/clock.hpp>
#include <gyre/base/relax.hpp>

#include <cstdint>

namespace gyre::detail {
namespace {

constexpr int longest = 6;   // 64 pauses, about 1 us
constexpr int patience = 9;  // rounds, about 4 us

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// When this thread last got a lock that it had found held, and how long it stayed away.
struct habit {
  std::int64_t since = 0;
  std::int64_t stay = 0;
};
thread_local habit last;

constexpr std::int64_t soon = 600;           // ns
constexpr std::int64_t longest_stay = 5000;  // ns

}  // namespace

// Each look takes the cache line away from the thread that is to change it: so the looks become rarer.
void backoff::once() noexcept {
  if (rounds_ == patience) {
    sched_yield();
    return;
  }
  for (int i = 1 << (rounds_ < longest ? rounds_ : longest); i > 0; --i) relax();
  ++rounds_;
}

// To find a lock held again within 600 ns means that there is hardly anything between two sections: so long a stay pays. After
// one the next time is not soon, for the other stays away meanwhile: so stays become shorter by half, until it is soon again,
// and who has other work between two sections does not keep the habit.
//
// Two threads that put and get in turns, with some work after each, ns an operation of both (two processors, Intel):
//
//   work after each                           0    25    50   100   200   400   1000
//   looking again after 1, 2, 4.. pauses     19   132   165   144   195   218    552
//   this                                      8    29    58   109   210   242    540
//
// 150 ns instead of 600 is never met by queues (a section costs 100 there), 300 sometimes; 1,200 and 2,400 are as good as 600.
// Without the halving, and with 10 us, the same figures.
void standing_aside::once() noexcept {
  if (away_) return pause_.once();
  away_ = true;
  std::int64_t now = time_source::steady().now();
  last.stay = now - last.since < soon ? longest_stay : last.stay / 2;
  for (const std::int64_t until = now + last.stay; now < until; now = time_source::steady().now()) relax();
}

standing_aside::~standing_aside() { last.since = time_source::steady().now(); }

}  // namespace gyre::detail
