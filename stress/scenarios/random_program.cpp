// SPDX-License-Identifier: BSL-1.0
// A random program: a tree of tasks, each of which does random things to what all share, starts, cancels and awaits others.
// Whatever it does, accounts are balanced, money is conserved, every task ends.
#include <memory>
#include <optional>

#include "crowd.hpp"

namespace storm {
namespace {

constexpr std::size_t accounts = 4;
constexpr std::int64_t start_money = 100;
constexpr int deepest = 3;

/// What all tasks of the program share.
struct bank {
  explicit bank(trial& round) : t(round) {
    for (auto& each : money) each = start_money;
  }
  trial& t;
  gyre::lock doors[accounts];
  std::int64_t money[accounts] = {};  // each under its lock
  gyre::semaphore tellers{2};
  gyre::queue<std::uint64_t> letters{3};
  ledger sent;
  ledger received;
  std::atomic<std::uint64_t> next{1};
  std::atomic<std::uint64_t> created{0};
  std::atomic<std::uint64_t> ended{0};
  std::mutex guard;
  std::vector<gyre::task<>> known;  // whom anybody may cancel; under guard
};

/// Counts a task from its first step to its end, whichever way it ends.
class attendance {
 public:
  explicit attendance(bank& b) noexcept : bank_(b) { ++bank_.created; }
  attendance(const attendance&) = delete;
  attendance& operator=(const attendance&) = delete;
  ~attendance() { ++bank_.ended; }

 private:
  bank& bank_;
};

gyre::coro<> live(bank& b, dice d, int depth, alive);

gyre::task<> start(bank& b, dice& d, int depth) {
  const gyre::task_options place = anywhere(d);
  gyre::task<> made = gyre::create_task(place, live, std::ref(b), d.split(), depth, alive(b.t));
  const std::lock_guard hold(b.guard);
  b.known.push_back(made);
  return made;
}

// Both locks, in the order of their numbers.
gyre::coro<> move_money(bank& b, dice d) {
  const std::size_t first = d.below(accounts - 1);
  const std::size_t second = first + 1 + d.below(accounts - 1 - first);
  const auto hold_first = co_await b.doors[first].scoped();
  if (d.one_in(3)) co_await pause(d.split());
  const auto hold_second = co_await b.doors[second].scoped();
  const std::int64_t amount = d.between(-10, 10);
  b.money[first] -= amount;
  b.money[second] += amount;
}

gyre::coro<> send_letter(bank& b, dice d) {
  const std::uint64_t number = b.next.fetch_add(1);
  try {
    co_await gyre::wait_for(b.letters.put(number), d.delay(40us));
    b.sent.note(number);
  } catch (const gyre::timeout_error&) {
  }
}

gyre::coro<> read_letter(bank& b, dice d) {
  try {
    const std::uint64_t number = co_await gyre::wait_for(b.letters.get(), d.delay(40us));
    b.received.note(number);
  } catch (const gyre::timeout_error&) {
  }
}

gyre::coro<> see_teller(bank& b, dice d) {
  const auto held = co_await b.tellers.scoped();
  co_await pause(d.split());
}

gyre::coro<> run_family(gyre::task_group& group, bank& b, dice d, int depth) {
  for (std::size_t n = 1 + d.below(2); n > 0; --n)
    group.create_task(live(b, d.split(), depth, alive(b.t)), anywhere(d));
  co_return;
}

gyre::coro<> raise_children(bank& b, dice d, int depth) {
  std::vector<gyre::task<>> mine;
  for (std::size_t n = 1 + d.below(3); n > 0; --n) mine.push_back(start(b, d, depth));
  const std::size_t how = d.below(4);
  if (how == 0) {
    for (const gyre::task<>& each : mine) co_await each;
  } else if (how == 1) {
    static_cast<void>(co_await gyre::wait(mine));
  } else if (how == 2) {
    static_cast<void>(co_await gyre::gather(gyre::return_exceptions, mine));
  }  // else they are orphans
}

void cancel_somebody(bank& b, dice& d) {
  gyre::task<> chosen;
  {
    const std::lock_guard hold(b.guard);
    if (b.known.empty()) return;  // the first task may run before it is known
    chosen = b.known[d.below(b.known.size())];
  }
  chosen.cancel();
}

gyre::coro<> act(bank& b, dice& d, int depth) {
  const std::size_t what = d.below(depth > 0 ? 8 : 5);
  if (what == 0) {
    co_await move_money(b, d.split());
  } else if (what == 1) {
    co_await send_letter(b, d.split());
  } else if (what == 2) {
    co_await read_letter(b, d.split());
  } else if (what == 3) {
    co_await see_teller(b, d.split());
  } else if (what == 4) {
    cancel_somebody(b, d);
  } else if (what == 5) {
    co_await raise_children(b, d.split(), depth - 1);
  } else if (what == 6) {
    co_await gyre::with_task_group(run_family, std::ref(b), d.split(), depth - 1);
  } else {
    co_await gyre::gather(live(b, d.split(), depth - 1, alive(b.t)), live(b, d.split(), depth - 1, alive(b.t)));
  }
}

gyre::coro<> live(bank& b, dice d, int depth, alive) {
  const attendance here(b);
  for (std::size_t n = 1 + d.below(4); n > 0; --n) {
    try {
      if (d.one_in(4)) {
        const auto limit = d.delay(60us);
        co_await gyre::wait_for(act(b, d, depth), limit);
      } else {
        co_await act(b, d, depth);
      }
      b.t.did();
    } catch (const gyre::timeout_error&) {
    } catch (const gyre::cancelled_error&) {
      if (d.one_in(2)) throw;
      gyre::current_task().uncancel();
    }
  }
}

gyre::coro<> random_program(trial& t) {
  bank b(t);
  dice& d = t.random;
  std::vector<gyre::task<>> roots;
  for (std::size_t i = 0; i < t.size; ++i) roots.push_back(start(b, d, deepest));
  static_cast<void>(co_await gyre::wait(roots));
  co_await await_others(t, 1);
  for (const gyre::task<>& each : b.known) {
    t.expect(each.done(), "a task that has gone is not done");
    if (each.done() && !each.cancelled() && each.exception() != nullptr) {
      t.violated("a task ended with " + in_words(each.exception()));
    }
  }
  std::int64_t money = 0;
  for (std::size_t i = 0; i < accounts; ++i) {
    money += b.money[i];
    t.expect(!b.doors[i].locked(), "a lock is held by nobody, but locked");
  }
  t.expect_equal("money", money, start_money * static_cast<std::int64_t>(accounts));
  t.expect_equal("tasks that ended", b.ended.load(), b.created.load());
  while (!b.letters.empty()) b.received.note(b.letters.get_nowait());
  expect_same(t, "letters", b.sent, b.received);
  for (int i = 0; i < 2; ++i) {
    t.expect(!b.tellers.locked(), "a permit was lost");
    if (!b.tellers.locked()) co_await b.tellers.acquire();
  }
  t.expect(b.tellers.locked(), "a permit too many");
}

const registered a_random_program({"random_program", "a tree of tasks that do random things to each other",
                                   &random_program, nullptr, 8, 2});

}  // namespace
}  // namespace storm
