// SPDX-License-Identifier: BSL-1.0
// The part of a future that several threads touch, step by step on one thread.
#include <gyre/core/completion.hpp>

#include <catch2/catch.hpp>

#include <vector>

namespace {

struct waiter : gyre::detail::list_link<> {};

/// A lock that says when somebody has it.
struct counted_lock {
  void lock() { held = true; }
  bool try_lock() { return !held && (held = true); }
  void unlock() { held = false; }
  bool held = false;
};
struct counted_policy : gyre::detail::std_policy {
  using lock = counted_lock;
};

class completion : public gyre::detail::basic_completion<waiter, counted_policy> {
 public:
  using basic_completion::park_at;
  using basic_completion::parking;
  bool end(std::vector<waiter*>& told) {
    return settle_with(status::finished, [&](waiter& each) {
      CHECK_FALSE(guard().held);
      told.push_back(&each);
    });
  }
  void give_up(std::vector<waiter*>& dropped) {
    forsake([&](waiter& each) { dropped.push_back(&each); });
  }
  counted_lock& its_lock() const { return guard(); }
};

}  // namespace

TEST_CASE("completion: one may fill the slot, one may end it, and all who wait are told in order", "[core][future]") {
  completion c;
  waiter first;
  waiter second;
  waiter late;
  CHECK(c.reserve());
  CHECK_FALSE(c.reserve());
  CHECK(c.add(first));
  CHECK(c.add(second));
  std::vector<waiter*> told;
  CHECK(c.end(told));
  CHECK(told == std::vector<waiter*>{&first, &second});
  CHECK_FALSE(c.end(told));
  CHECK_FALSE(c.reserve());
  CHECK_FALSE(c.add(late));
  CHECK(c.done());
  CHECK(told.size() == 2);
}

TEST_CASE("completion: a waiter takes itself away once, and not when it has been told", "[core][future]") {
  completion c;
  waiter first;
  waiter second;
  waiter third;
  CHECK(c.add(first));
  CHECK(c.add(second));
  CHECK(c.add(third));
  CHECK(c.remove(first));
  CHECK_FALSE(c.remove(first));
  CHECK(c.remove_if([&](const waiter& each) { return &each != &third; }) == &second);
  CHECK(c.remove_if([&](const waiter& each) { return &each != &third; }) == nullptr);
  std::vector<waiter*> told;
  CHECK(c.end(told));
  CHECK(told == std::vector<waiter*>{&third});
  CHECK_FALSE(c.remove(third));
}

TEST_CASE("completion: whether somebody waits is said for certain only while its lock is free", "[core][future]") {
  completion c;
  CHECK_FALSE(c.may_have_waiters());
  c.its_lock().lock();
  CHECK(c.may_have_waiters());
  c.its_lock().unlock();
  waiter one;
  CHECK(c.add(one));
  CHECK(c.may_have_waiters());
  CHECK(c.remove(one));
  CHECK_FALSE(c.may_have_waiters());
  CHECK_FALSE(c.its_lock().held);
}

TEST_CASE("completion: one that nobody will end drops those who wait, and takes no more", "[core][future]") {
  completion c;
  waiter first;
  waiter second;
  waiter late;
  CHECK(c.add(first));
  CHECK(c.add_unless_forsaken(second));
  CHECK_FALSE(c.forsaken());
  std::vector<waiter*> dropped;
  c.give_up(dropped);
  CHECK(dropped == std::vector<waiter*>{&first, &second});
  CHECK(c.forsaken());
  CHECK_FALSE(c.add_unless_forsaken(late));
  CHECK_FALSE(c.done());
}

TEST_CASE("completion: a task that may not park leaves no node behind", "[core][future]") {
  completion c;
  waiter one;
  using parking = completion::parking;
  CHECK(c.park_at(one, [] { return false; }) == parking::refused);
  CHECK_FALSE(one.linked());
  CHECK(c.park_at(one, [&] { return one.linked(); }) == parking::parked);
  std::vector<waiter*> told;
  CHECK(c.end(told));
  CHECK(c.park_at(one, [] { return true; }) == parking::done);
  CHECK(told.size() == 1);
}
