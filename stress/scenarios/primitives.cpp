// SPDX-License-Identifier: BSL-1.0
// Locks, semaphores, conditions, events and barriers under cancels from everywhere: what was there is there at the end, and
// nobody is forgotten. Nothing here wakes anybody a second time: a lost wake-up is a hang.
#include "crowd.hpp"

namespace storm {
namespace {

constexpr std::size_t crowd = 8;

// --- lock ------------------------------------------------------------------------------------------------------------
struct locked_region {
  explicit locked_region(trial& round) : t(round), inside(round, 1, "two owners of a lock") {}
  trial& t;
  gyre::lock guard;
  occupancy inside;
  std::uint64_t plain = 0;  // the lock makes it safe
};

gyre::coro<> pass_lock(locked_region& r, dice d) {
  if (d.one_in(3)) {
    try {
      co_await gyre::wait_for(r.guard.acquire(), d.delay(30us));
    } catch (const gyre::timeout_error&) {
      co_return;
    }
  } else {
    co_await r.guard.acquire();
  }
  const gyre::scoped_hold<gyre::lock> held(r.guard);
  r.inside.enter();
  const std::uint64_t seen = r.plain;
  std::exception_ptr error;
  try {
    if (d.one_in(2)) co_await pause(d.split());
  } catch (...) {
    error = std::current_exception();
  }
  r.plain = seen + 1;
  r.inside.leave();
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> locks(trial& t) {
  locked_region r(t);
  co_await besiege(r, crowd, t.size, &pass_lock);
  t.expect(!r.guard.locked(), "the lock is held by nobody, but locked");
  co_await r.guard.acquire();
  r.guard.release();
}

// --- semaphore -------------------------------------------------------------------------------------------------------
struct permits {
  explicit permits(trial& round, int n) : t(round), count(n), pool(n), inside(round, n, "more owners than permits") {}
  trial& t;
  int count;
  gyre::bounded_semaphore pool;
  occupancy inside;
};

gyre::coro<> pass_semaphore(permits& p, dice d) {
  const auto held = co_await p.pool.scoped();
  p.inside.enter();
  std::exception_ptr error;
  try {
    co_await pause(d.split());
  } catch (...) {
    error = std::current_exception();
  }
  p.inside.leave();
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> semaphores(trial& t) {
  permits p(t, t.random.between(1, 4));
  co_await besiege(p, crowd, t.size, &pass_semaphore);
  for (int i = 0; i < p.count; ++i) {
    t.expect(!p.pool.locked(), "a permit was lost");
    if (!p.pool.locked()) co_await p.pool.acquire();
  }
  t.expect(p.pool.locked(), "a permit too many");
}

// --- condition: tokens under a lock, one notification each -----------------------------------------------------------
struct tokens {
  explicit tokens(trial& round) : t(round), inside(round, 1, "two owners of a condition's lock") {}
  trial& t;
  gyre::condition changed;
  occupancy inside;
  std::int64_t free = 0;  // under the condition's lock
};

// There are as many tokens as attempts that succeed: a notification that goes astray leaves somebody waiting for ever.
gyre::coro<> take_token(tokens& s, dice d) {
  const auto held = co_await s.changed.scoped();
  std::exception_ptr error;
  try {
    while (s.free == 0) co_await s.changed.wait();
  } catch (...) {
    error = std::current_exception();
  }
  s.inside.enter();
  if (error == nullptr) --s.free;
  try {
    if (error == nullptr && d.one_in(4)) co_await gyre::sleep(0ns);
  } catch (...) {  // the token is taken: this attempt has succeeded
  }
  s.inside.leave();
  if (error != nullptr) std::rethrow_exception(error);
}

gyre::coro<> make_tokens(tokens& s, dice d, std::size_t count) {
  for (; count > 0; --count) {
    {
      const auto held = co_await s.changed.scoped();
      s.inside.enter();
      ++s.free;
      s.changed.notify();
      s.inside.leave();
    }
    co_await pause(d.split());
  }
}

gyre::coro<> conditions(trial& t) {
  tokens s(t);
  const gyre::task_options place = anywhere(t.random);
  const gyre::task<> maker = gyre::create_task(place, &make_tokens, std::ref(s), t.random.split(), crowd * t.size);
  co_await besiege(s, crowd, t.size, &take_token);
  co_await maker;
  t.expect_equal("tokens left", s.free, 0);
  t.expect(!s.changed.locked(), "the condition's lock is held by nobody, but locked");
}

// --- event: one set() for all who wait -------------------------------------------------------------------------------
struct signal {
  explicit signal(trial& round) : t(round) {}
  trial& t;
  gyre::event flag;
  std::atomic<std::size_t> waiting{0};
  std::atomic<std::size_t> passed{0};
};

gyre::coro<> await_signal(signal& s, alive) {
  ++s.waiting;
  co_await s.flag.wait();
  ++s.passed;
  s.t.did();
}

// clear() takes the signal from nobody who was waiting; that all are is certain where a step is never interrupted.
gyre::coro<> give_signal(signal& s, dice d) {
  co_await pause(d.split());
  s.flag.set();
  if (s.t.loops == 1) s.flag.clear();
}

gyre::coro<> one_signal(trial& t) {
  signal s(t);
  victims all(t);
  for (std::size_t i = 0; i < crowd; ++i) {
    const gyre::task_options place = anywhere(t.random);
    all.add(gyre::create_task(place, &await_signal, std::ref(s), alive(t)));
  }
  while (s.waiting.load() < crowd) co_await gyre::sleep(0ns);
  const gyre::task_options place = anywhere(t.random);
  const gyre::task<> giver = gyre::create_task(place, &give_signal, std::ref(s), t.random.split());
  co_await all.attack(1);
  co_await giver;
  std::size_t cancelled = 0;
  for (const gyre::task<>& each : all.tasks()) cancelled += each.cancelled() ? 1 : 0;
  t.expect(s.passed.load() + cancelled >= crowd, "a task neither passed the event nor was cancelled");
}

gyre::coro<> events(trial& t) {
  for (std::size_t i = 0; i < t.size; ++i) co_await one_signal(t);
}

// --- barrier ---------------------------------------------------------------------------------------------------------
struct meeting {
  explicit meeting(trial& round, int n) : t(round), parties(n), place(n), per_index(static_cast<std::size_t>(n)) {}
  trial& t;
  int parties;
  gyre::barrier place;
  std::vector<std::atomic<std::int64_t>> per_index;
};

gyre::coro<> meet(meeting& m, dice, std::size_t rounds, alive) {
  for (; rounds > 0; --rounds) {
    const std::size_t index = co_await m.place.wait();
    if (index < m.per_index.size()) {
      ++m.per_index[index];
    } else {
      m.t.violated("an index outside the barrier");
    }
    m.t.did();
  }
}

// Without cancels, where each round is exact; then with cancels, of which nobody may be left behind when it is aborted.
gyre::coro<> meet_on(meeting& m, dice d, const std::atomic<bool>& over, alive) {
  while (!over.load()) {
    try {
      if (d.one_in(4)) co_await pause(d.split());
      co_await m.place.wait();
      m.t.did();
    } catch (const gyre::broken_barrier_error&) {
    } catch (const gyre::cancelled_error&) {
      gyre::current_task().uncancel();
    }
  }
}

gyre::coro<> close_meeting(meeting& m, dice d, std::atomic<bool>& over) {
  for (std::size_t i = 0; i < m.t.size; ++i) {
    co_await pause(d.split());
    if (d.one_in(4)) co_await m.place.reset();
  }
  over.store(true);
  co_await m.place.abort();
}

gyre::coro<> barriers(trial& t) {
  meeting m(t, t.random.between(1, static_cast<int>(crowd)));
  std::vector<gyre::task<>> all;
  for (int i = 0; i < m.parties; ++i) {
    const gyre::task_options place = anywhere(t.random);
    all.push_back(gyre::create_task(place, &meet, std::ref(m), t.random.split(), t.size, alive(t)));
  }
  co_await gyre::gather(all);
  for (const auto& each : m.per_index) t.expect_equal("passages with one index", each.load(), t.size);

  std::atomic<bool> over{false};
  victims under_attack(t);
  for (std::size_t i = 0; i < crowd; ++i) {
    const gyre::task_options place = anywhere(t.random);
    under_attack.add(gyre::create_task(place, &meet_on, std::ref(m), t.random.split(), std::cref(over), alive(t)));
  }
  const gyre::task<> closer = gyre::create_task(&close_meeting, std::ref(m), t.random.split(), std::ref(over));
  co_await under_attack.attack(t.size);
  co_await closer;
  t.expect(m.place.broken(), "the barrier is not broken after abort()");
  t.expect_equal("tasks at the barrier", m.place.n_waiting(), 0);
}

const registered all_primitives[] = {
    registered({"locks", "cancelled owners and waiters of a lock", &locks, nullptr, 60, 6}),
    registered({"semaphores", "permits are conserved under cancels", &semaphores, nullptr, 60, 6}),
    registered({"conditions", "each notification reaches one live waiter", &conditions, nullptr, 30, 4}),
    registered({"events", "one set() wakes all, also when clear() follows", &events, nullptr, 20, 2}),
    registered({"barriers", "rounds of a barrier, cancelled, reset, aborted", &barriers, nullptr, 40, 4}),
};

}  // namespace
}  // namespace storm
