// SPDX-License-Identifier: BSL-1.0
// Users' bugs: found within a bounded number of seeds, replayed, made small.
#include "loop_test.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;
using gyre::testing::exploration_failed;
using gyre::testing::explore;
using gyre::testing::sim_options;

namespace {

// The environment decides which seeds run: here it is the test that does.
class without_seeds {
 public:
  without_seeds() {
    for (const char* name : {"GYRE_SEED", "GYRE_SEEDS", "GYRE_FIRST_SEED", "GYRE_SHRINK"}) ::unsetenv(name);
  }
};

class environment {
 public:
  environment(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

template <class Make>
exploration_failed failure_of(std::uint64_t seeds, const sim_options& options, Make make_main) {
  try {
    explore(seeds, options, make_main);
  } catch (const exploration_failed& e) {
    return e;
  }
  throw std::logic_error("no seed failed");
}

// --- a lost update: the balance is read before an await and written after it --------------------------------------------

struct account {
  int balance = 100;
  semaphore clerks{4};
};

coro<> withdraw(account& from, int amount) {
  const int before = from.balance;
  co_await from.clerks.acquire();
  from.balance = before - amount;
  from.clerks.release();
}

coro<> two_withdrawals() {
  account a;
  task<> first = create_task(withdraw(a, 10));
  task<> second = create_task(withdraw(a, 20));
  co_await first;
  co_await second;
  gyre::testing::expect(a.balance == 70, "balance is " + std::to_string(a.balance));
}

// --- a cycle of locks: no await between the two acquires suspends -------------------------------------------------------

struct pair_of_locks {
  lock left;
  lock right;
};

coro<> take_both(lock& one, lock& other) {
  co_await one.acquire();
  co_await other.acquire();
  other.release();
  one.release();
}

coro<> philosophers() {
  pair_of_locks table;
  task<> first = create_task(take_both(table.left, table.right));
  task<> second = create_task(take_both(table.right, table.left));
  co_await first;
  co_await second;
}

coro<> nothing_wrong() {
  account a;
  co_await withdraw(a, 10);
  gyre::testing::expect(a.balance == 90, "nobody else was there");
}

}  // namespace

TEST_CASE("explore: a lost update across an await that need not suspend is found, and replayed", "[testing][explore]") {
  const without_seeds clean;
  const exploration_failed found = failure_of(1000, gyre::testing::exploring(), two_withdrawals);
  const std::string text = found.what();
  INFO(text);
  CHECK(text.find("balance is ") != std::string::npos);
  CHECK(text.find("GYRE_SEED=" + found.replay() + ' ') != std::string::npos);
  CHECK(text.find("in withdraw() at ") != std::string::npos);

  const environment only("GYRE_SEED", found.replay());
  const exploration_failed again = failure_of(1, gyre::testing::exploring(), two_withdrawals);
  CHECK(std::string(again.what()) == text);
}

TEST_CASE("explore: a cycle of locks is found, and replayed", "[testing][explore]") {
  const without_seeds clean;
  const exploration_failed found = failure_of(1000, gyre::testing::exploring(), philosophers);
  INFO(found.what());
  CHECK_THROWS_AS(std::rethrow_exception(found.cause()), would_deadlock);
  const environment only("GYRE_SEED", found.replay());
  CHECK(std::string(failure_of(1, gyre::testing::exploring(), philosophers).what()) == found.what());
}

TEST_CASE("explore: options leave on what they do not name", "[testing][explore]") {
  const without_seeds clean;
  const auto time_stands = []() -> coro<> {
    const double before = get_running_loop().time();
    for (int i = 0; i < 10; ++i) co_await sleep(0ns);
    gyre::testing::expect(get_running_loop().time() == before, "the clock has moved");
  };
  CHECK_THROWS_WITH(explore(100, sim_options().loops(2), time_stands), Catch::Contains("the clock has moved"));
  CHECK_NOTHROW(explore(100, sim_options().loops(2).extremes(false), time_stands));
  const auto endless = []() -> coro<> {
    for (;;) co_await sleep(0ns);
  };
  CHECK_THROWS_WITH(explore(1, sim_options().loops(1), endless), Catch::Contains("after 100000"));
  CHECK_THROWS_WITH(explore(1, sim_options().most_decisions(5'000), endless), Catch::Contains("after 500"));
}

TEST_CASE("simulation: several loops are interrupted at awaits unless that is unwanted", "[testing][explore]") {
  const auto fails = [](const auto& main, const sim_options& options) {
    int failures = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      try {
        gyre::testing::simulate(seed, options, main);
      } catch (const std::exception&) {
        ++failures;
      }
    }
    return failures;
  };
  CHECK(fails(two_withdrawals, sim_options().loops(2)) > 0);
  CHECK(fails(philosophers, sim_options().loops(2)) > 0);
  CHECK(fails(two_withdrawals, sim_options().loops(2).extremes(false)) == 0);  // none of the awaits suspends
  CHECK(fails(philosophers, sim_options().loops(2).extremes(false)) == 0);
  CHECK(fails(two_withdrawals, sim_options().loops(1)) == 0);
  CHECK(fails(philosophers, sim_options().loops(1)) == 0);
}

TEST_CASE("explore: shrinking keeps the failure, with no more loops and with few decisions", "[testing][explore]") {
  const without_seeds clean;
  const environment shrinks("GYRE_SHRINK", "1");
  const exploration_failed small = failure_of(1000, sim_options().loops(8).extremes(true), philosophers);
  INFO(small.what());
  const std::string replay = small.replay();
  const auto loops_at = replay.find('/');
  REQUIRE(loops_at != std::string::npos);
  CHECK(std::stoi(replay.substr(loops_at + 1)) ==
        2);  // with one loop no await is left in the middle of a turn by another
  const std::string decisions = replay.substr(replay.find(':') + 1);
  CHECK(std::count(decisions.begin(), decisions.end(), ',') < 8);

  const environment only("GYRE_SEED", replay);
  CHECK_THROWS_AS(explore(1, sim_options().loops(8).extremes(true), philosophers), exploration_failed);
}

TEST_CASE("explore: a program without the bug passes from every seed, and each seed is its own", "[testing][explore]") {
  const without_seeds clean;
  std::uint64_t sum = 0;
  int runs = 0;
  explore(50, [&](std::uint64_t seed) {
    sum += seed;
    ++runs;
    return nothing_wrong();
  });
  CHECK(runs == 50);
  CHECK(sum == 50 * 51 / 2);
}

TEST_CASE("explore: the environment chooses the first seed and their number", "[testing][explore]") {
  const without_seeds clean;
  const environment first("GYRE_FIRST_SEED", "1000");
  const environment count("GYRE_SEEDS", "3");
  std::vector<std::uint64_t> seen;
  explore(50, [&](std::uint64_t seed) {
    seen.push_back(seed);
    return nothing_wrong();
  });
  CHECK(seen == std::vector<std::uint64_t>{1000, 1001, 1002});
}

TEST_CASE("explore: a GYRE_SEED that makes no sense is refused with its text", "[testing][explore]") {
  const without_seeds clean;
  const char* const text = GENERATE("", "x", "17/", "17/2:", "17/2:5,3", "17/2:3 4", "17:9-7");
  if (*text == '\0') return;  // as if it was not set
  const environment only("GYRE_SEED", text);
  if (std::string(text) == "17/2:") {  // no decision at all is a run too
    explore(1, nothing_wrong);
    return;
  }
  CHECK_THROWS_WITH(explore(1, nothing_wrong), Catch::Contains("GYRE_SEED='" + std::string(text) + "'"));
}

TEST_CASE("explore: a run that depends on something outside is told apart", "[testing][explore]") {
  const without_seeds clean;
  int runs = 0;
  const auto make = [&runs]() -> coro<> {
    const auto body = [](bool fails) -> coro<> {
      gyre::testing::expect(!fails, "only the first time");
      co_return;
    };
    return body(runs++ == 0);
  };
  CHECK_THROWS_WITH(explore(1, make), Catch::Contains("only the first time") &&
                                          Catch::Contains("depends on something outside the simulation"));
}
