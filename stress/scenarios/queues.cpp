// SPDX-License-Identifier: BSL-1.0
// Queues of the three kinds between producers and consumers that are cancelled: what was put is taken once.
#include <memory>

#include "crowd.hpp"

namespace storm {
namespace {

constexpr std::size_t producers = 4;
constexpr std::size_t consumers = 4;

// What travels: a number in a box of its own, so that a lost or doubled item is a leak or a double free, too.
struct parcel {
  parcel() = default;
  explicit parcel(std::uint64_t n) : number(n), box(std::make_unique<std::uint64_t>(n)) {}
  bool operator<(const parcel& other) const noexcept { return number < other.number; }
  std::uint64_t number = 0;
  std::unique_ptr<std::uint64_t> box;
};

template <class Queue>
struct market {
  market(trial& round, std::ptrdiff_t room) : t(round), goods(room) {}
  trial& t;
  Queue goods;
  ledger put;
  ledger taken;
  std::atomic<std::uint64_t> next{1};
};

template <class Queue>
void take(market<Queue>& m, parcel got) {
  m.t.expect(got.box != nullptr && *got.box == got.number, "an item was damaged");
  m.taken.note(got.number);
  m.goods.task_done();
}

template <class Queue>
gyre::coro<> produce(market<Queue>& m, dice d) {
  parcel item(m.next.fetch_add(1));
  const std::uint64_t number = item.number;
  if (d.one_in(4)) {
    try {
      m.goods.put_nowait(std::move(item));
      m.put.note(number);
    } catch (const gyre::queue_full&) {
    }
    co_await pause(d.split());
  } else if (d.one_in(4)) {
    try {
      co_await gyre::wait_for(m.goods.put(std::move(item)), d.delay(30us));
      m.put.note(number);
    } catch (const gyre::timeout_error&) {
    }
  } else {
    co_await m.goods.put(std::move(item));
    m.put.note(number);
  }
}

// Until the queue is shut down.
template <class Queue>
gyre::coro<> consume(market<Queue>& m, dice d, std::atomic<std::size_t>& begun, alive) {
  ++begun;
  for (;;) {
    try {
      if (d.one_in(4)) {
        try {
          parcel got = co_await gyre::wait_for(m.goods.get(), d.delay(30us));
          take(m, std::move(got));
        } catch (const gyre::timeout_error&) {
        }
      } else if (d.one_in(4)) {
        try {
          take(m, m.goods.get_nowait());
        } catch (const gyre::queue_empty&) {
        }
        co_await pause(d.split());
      } else {
        parcel got = co_await m.goods.get();
        take(m, std::move(got));
      }
      m.t.did();
    } catch (const gyre::queue_shut_down&) {
      co_return;
    } catch (const gyre::cancelled_error&) {
      gyre::current_task().uncancel();
    } catch (...) {
      m.t.violated("a consumer ended with " + in_words(std::current_exception()));
      throw;
    }
  }
}

template <class Queue>
gyre::coro<> trade(market<Queue>& m) {
  trial& t = m.t;
  victims all(t);
  std::vector<gyre::task<>> sellers;
  std::atomic<std::size_t> begun{0};
  for (std::size_t i = 0; i < producers; ++i) {
    const gyre::task_options place = anywhere(t.random);
    sellers.push_back(gyre::create_task(place, &stubborn<market<Queue>>, std::ref(m), t.random.split(), t.size,
                                        &produce<Queue>, std::ref(begun), alive(t)));
    all.add(sellers.back());
  }
  for (std::size_t i = 0; i < consumers; ++i) {
    const gyre::task_options place = anywhere(t.random);
    all.add(gyre::create_task(place, &consume<Queue>, std::ref(m), t.random.split(), std::ref(begun), alive(t)));
  }
  while (begun.load() < producers + consumers) co_await gyre::sleep(0ns);
  const gyre::task<> attack = gyre::create_task(&victims::attack, std::ref(all), t.size);
  static_cast<void>(co_await gyre::wait(sellers));
  co_await m.goods.join();  // all that was put has been taken
  m.goods.shutdown();
  co_await attack;
  t.expect_equal("items in the queue", m.goods.qsize(), 0);
  expect_same(t, "queue", m.put, m.taken);
}

gyre::coro<> queues(trial& t) {
  const std::ptrdiff_t room = t.random.between(0, 4);
  const std::size_t kind = t.random.below(3);
  if (kind == 0) {
    market<gyre::queue<parcel>> m(t, room);
    co_await trade(m);
  } else if (kind == 1) {
    market<gyre::lifo_queue<parcel>> m(t, room);
    co_await trade(m);
  } else {
    market<gyre::priority_queue<parcel>> m(t, room);
    co_await trade(m);
  }
}

// --- shutdown while all are busy -------------------------------------------------------------------------------------
using numbers = market<gyre::queue<std::uint64_t>>;

gyre::coro<> put_until_closed(numbers& m, dice d, alive) {
  try {
    for (;;) {
      const std::uint64_t number = m.next.fetch_add(1);
      co_await m.goods.put(number);
      m.put.note(number);
      m.t.did();
      if (d.one_in(4)) co_await pause(d.split());
    }
  } catch (const gyre::queue_shut_down&) {
  }
}

gyre::coro<> get_until_closed(numbers& m, dice d, alive) {
  try {
    for (;;) {
      m.taken.note(co_await m.goods.get());
      m.goods.task_done();
      if (d.one_in(4)) co_await pause(d.split());
    }
  } catch (const gyre::queue_shut_down&) {
  }
}

gyre::coro<> queue_shutdown(trial& t) {
  numbers m(t, t.random.between(1, 4));
  std::vector<gyre::task<>> all;
  for (std::size_t i = 0; i < producers; ++i) {
    const gyre::task_options there = anywhere(t.random);
    all.push_back(gyre::create_task(there, &put_until_closed, std::ref(m), t.random.split(), alive(t)));
    const gyre::task_options here = anywhere(t.random);
    all.push_back(gyre::create_task(here, &get_until_closed, std::ref(m), t.random.split(), alive(t)));
  }
  for (std::size_t i = 0; i < t.size; ++i) co_await pause(t.random.split());
  const bool drop = t.random.one_in(3);
  m.goods.shutdown(drop);
  co_await gyre::gather(all);
  co_await m.goods.join();
  t.expect_equal("items in the queue", m.goods.qsize(), 0);
  if (!drop) expect_same(t, "queue", m.put, m.taken);
  t.expect(m.taken.count() <= m.put.count(), "more came out than went in");
}

const registered all_queues[] = {
    registered({"queues", "fifo, lifo and priority queues conserve items", &queues, nullptr, 40, 5}),
    registered({"queue_shutdown", "a queue is shut down under load", &queue_shutdown, nullptr, 40, 5}),
};

}  // namespace
}  // namespace storm
