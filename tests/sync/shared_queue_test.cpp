// SPDX-License-Identifier: BSL-1.0
// Queues of every kind that tasks of several loops share.
#include "sync/crowd.hpp"

#include <functional>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class Queue>
coro<> produce(Queue& q, std::atomic<int>& next) {
  for (int i = 0; i < 10; ++i) co_await q.put(std::to_string(++next));
}
template <class Queue>
coro<> consume(Queue& q, std::atomic<int>& sum) {
  for (;;) {
    const std::string item = co_await q.get();
    sum += std::stoi(item);
    q.task_done();
  }
}

template <class Queue>
coro<> conserves_items() {
  Queue q(5);
  std::atomic<int> sum{0};
  std::atomic<int> next{0};
  const std::vector<task<>> consumers = start_crowd(6, consume<Queue>, q, sum);
  co_await gather(start_crowd(6, produce<Queue>, q, next));
  co_await q.join();
  CHECK(sum == 60 * 61 / 2);
  for (const task<>& each : consumers) each.cancel();
  static_cast<void>(co_await wait(consumers));
  CHECK(q.empty());
}

/// Puts one item for each of its turns, until it is cancelled.
template <class Queue>
coro<> put_some(Queue& q, std::atomic<int>& count) {
  for (int i = 0; i < 8; ++i) {
    co_await q.put("item");
    ++count;
    co_await sleep(0ns);
  }
}
template <class Queue>
coro<> get_some(Queue& q, std::atomic<int>& count) {
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(co_await q.get());
    ++count;
    co_await sleep(0ns);
  }
}

template <class Queue>
coro<> survives_cancels() {
  Queue q(3);
  std::atomic<int> in{0};
  std::atomic<int> out{0};
  const std::vector<task<>> putters = start_crowd(crowd / 2, put_some<Queue>, q, in);
  const std::vector<task<>> getters = start_crowd(crowd / 2, get_some<Queue>, q, out);
  for (std::size_t i = 0; i < putters.size(); i += 2) {
    co_await sleep(0ns);
    putters[i].cancel();
    getters[i].cancel();
  }
  // Those left put as much as those left take; what a cancelled one put or took makes the difference. Nobody may be left
  // waiting while there is room, or an item.
  co_await sleep(1ms);
  for (bool busy = true; busy;) {
    busy = false;
    for (const task<>& each : putters) busy = busy || !each.done();
    try {
      if (busy) static_cast<void>(q.get_nowait());
      if (busy) ++out;
    } catch (const queue_empty&) {
    }
    co_await sleep(0ns);
  }
  for (bool busy = true; busy;) {
    busy = false;
    for (const task<>& each : getters) busy = busy || !each.done();
    if (busy && q.empty()) {
      q.put_nowait("item");
      ++in;
    }
    co_await sleep(0ns);
  }
  CHECK(in == out + static_cast<int>(q.qsize()));
  static_cast<void>(co_await wait(putters));
  static_cast<void>(co_await wait(getters));
}

/// Puts until the queue is shut down; counts what got in.
template <class Queue>
coro<> put_until_end(Queue& q, std::atomic<int>& count) {
  try {
    for (int i = 0;; ++i) {
      co_await q.put(std::to_string(i));
      ++count;
    }
  } catch (const queue_shut_down&) {
  }
}
template <class Queue>
coro<> get_until_end(Queue& q, std::atomic<int>& count) {
  try {
    for (;;) {
      static_cast<void>(co_await q.get());
      ++count;
      q.task_done();
    }
  } catch (const queue_shut_down&) {
  }
}

template <class Queue>
coro<> ends_in_a_race(bool immediate) {
  Queue q(5);
  std::atomic<int> in{0};
  std::atomic<int> out{0};
  const std::vector<task<>> putters = start_crowd(6, put_until_end<Queue>, q, in);
  const std::vector<task<>> getters = start_crowd(6, get_until_end<Queue>, q, out);
  co_await reach(out, 40);
  q.shutdown(immediate);
  co_await gather(putters);
  co_await gather(getters);
  co_await q.join();
  CHECK(q.empty());
  CHECK(out <= in);
  if (!immediate) CHECK(out == in);
  CHECK_THROWS_AS(q.task_done(), value_error);
}

/// An item that notices when it is shown and moved at once.
class watched {
 public:
  watched() = default;
  watched(watched&& other) noexcept {
    for (int& part : other.parts_) part = -1;
  }
  void append_text(std::string& out) const {
    for (const int part : parts_) out += part == 7 ? '7' : '!';
  }

 private:
  int parts_[64] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
                    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
};

/// An item whose text waits until somebody has taken the item, and then gives him time to move it.
class slow_to_show {
 public:
  struct place {
    std::function<bool()> taken;
    std::atomic<bool> showing{false};
    std::atomic<bool> moved{false};
  };
  explicit slow_to_show(place& at) : at_(&at) {}
  slow_to_show(slow_to_show&& other) noexcept : at_(other.at_) {
    if (at_->showing) at_->moved = true;
  }
  void append_text(std::string& out) const {
    at_->showing = true;
    while (!at_->taken()) std::this_thread::yield();
    for (int i = 0; i < 1000 && !at_->moved; ++i) std::this_thread::yield();
    out += at_->moved ? "moved" : "whole";
  }

 private:
  place* at_;
};

}  // namespace

TEST_CASE("queue: an item that is being shown is not moved by who takes it", "[sync][queue]") {
  slow_to_show::place at;
  queue<slow_to_show> items;
  at.taken = [&items] { return items.empty(); };
  items.put_nowait(slow_to_show(at));
  std::thread taker([&] {
    while (!at.showing) std::this_thread::yield();
    static_cast<void>(items.get_nowait());
  });
  CHECK(to_string(items) == "<Queue maxsize=0 _queue=[whole] tasks=1>");
  taker.join();
  CHECK(at.moved);
}

RUNTIME_TEST("XLOOP-018: every kind of queue gives each item to one getter", "[sync][queue]") {
  co_await conserves_items<queue<std::string>>();
  co_await conserves_items<lifo_queue<std::string>>();
  co_await conserves_items<priority_queue<std::string>>();
}

RUNTIME_TEST("XLOOP-019: cancelled putters and getters of a shared queue lose and double no item", "[sync][queue]") {
  co_await survives_cancels<queue<std::string>>();
  co_await survives_cancels<lifo_queue<std::string>>();
  co_await survives_cancels<priority_queue<std::string>>();
}

RUNTIME_TEST("XLOOP-018: shutdown() of a shared queue ends everybody and drops nothing", "[sync][queue]") {
  co_await ends_in_a_race<queue<std::string>>(false);
  co_await ends_in_a_race<lifo_queue<std::string>>(false);
  co_await ends_in_a_race<priority_queue<std::string>>(false);
}

RUNTIME_TEST("XLOOP-018: an immediate shutdown() of a shared queue leaves nothing unfinished", "[sync][queue]") {
  co_await ends_in_a_race<queue<std::string>>(true);
  co_await ends_in_a_race<lifo_queue<std::string>>(true);
  co_await ends_in_a_race<priority_queue<std::string>>(true);
}

RUNTIME_TEST("queue: its text can be formed while other loops take its items", "[sync][queue]") {
  queue<watched> q(8);
  std::atomic<int> out{0};
  const auto put_all = [](queue<watched>& into) -> coro<> {
    for (int i = 0; i < 100; ++i) co_await into.put(watched());
  };
  const auto get_all = [](queue<watched>& from, std::atomic<int>& count) -> coro<> {
    for (int i = 0; i < 100; ++i) {
      static_cast<void>(co_await from.get());
      ++count;
    }
  };
  const std::vector<task<>> getters = start_crowd(3, get_all, q, out);
  const std::vector<task<>> putters = start_crowd(3, put_all, q);
  bool whole = true;
  while (out < 300) {
    const std::string text = to_string(q);
    whole = whole && text.find('!') == std::string::npos;
    co_await sleep(0ns);
  }
  CHECK(whole);
  co_await gather(getters);
  co_await gather(putters);
}
