// SPDX-License-Identifier: BSL-1.0
// The orders of the three queues, and what their items may do.
#include "loop_test.hpp"

#include <gyre/base/rng.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class Queue>
std::string drain(Queue& q) {
  std::string all;
  while (!q.empty()) all += std::to_string(q.get_nowait()) + " ";
  return all;
}

/// An item that uses its queue whenever it is moved, shown or destroyed. Under the queue's lock that would never end.
class nosy {
 public:
  nosy(queue<nosy>& in, int number) : queue_(&in), number_(number) {}
  nosy(nosy&& other) noexcept : queue_(other.queue_), number_(std::exchange(other.number_, -1)) { look(); }
  nosy& operator=(nosy&&) = delete;
  ~nosy() { look(); }
  [[nodiscard]] int number() const { return number_; }
  void append_text(std::string& out) const {
    look();
    out += std::to_string(number_);
  }

 private:
  void look() const { static_cast<void>(queue_->qsize()); }
  queue<nosy>* queue_;
  int number_;
};

/// Moving one out of the queue throws.
struct stuck {
  stuck() = default;
  stuck(stuck&& other) : moves(other.moves + 1) {
    if (moves > 1) throw std::runtime_error("cannot move");
  }
  int moves = 0;
};

struct fussy {
  bool operator()(int a, int b) const {
    if (a == 13 || b == 13) throw std::domain_error("13");
    return a < b;
  }
};

coro<> put_13(priority_queue<int, fussy>& q) { co_await q.put(13); }
coro<> put_1(priority_queue<int, fussy>& q) { co_await q.put(1); }

template <class Queue>
coro<> take_one(Queue& q, std::string& log, const char* name) {
  log += name + std::to_string(co_await q.get()) + " ";
}
template <class Queue>
coro<> put_one(Queue& q, int item) {
  co_await q.put(item);
}

template <class Queue>
coro<> passes_a_getters_turn_on() {
  Queue q;
  std::string log;
  const task<> waiting = create_task(take_one(q, log, "waiting"));
  const task<> chosen = create_task(take_one(q, log, "chosen"));
  const task<> next = create_task(take_one(q, log, "next"));
  co_await settle(2);
  waiting.cancel();
  co_await settle(2);
  q.put_nowait(1);
  chosen.cancel();
  co_await next;
  CHECK(log == "next1 ");
  CHECK(waiting.cancelled());
  CHECK(chosen.cancelled());
}

template <class Queue>
coro<> passes_a_putters_turn_on() {
  Queue q(1);
  q.put_nowait(0);
  const task<> waiting = create_task(put_one(q, 1));
  const task<> chosen = create_task(put_one(q, 2));
  const task<> next = create_task(put_one(q, 3));
  co_await settle(2);
  waiting.cancel();
  co_await settle(2);
  CHECK(q.get_nowait() == 0);
  chosen.cancel();
  co_await next;
  CHECK(q.get_nowait() == 3);
  CHECK(q.empty());
}

struct alignas(64) wide {
  explicit wide(std::string t) : text(std::move(t)) {}
  std::string text;
};

}  // namespace

TEST_CASE("QUEUE-001: a lifo_queue gives the last item first", "[sync][queue]") {
  lifo_queue<int> q;
  for (int i = 0; i < 200; ++i) q.put_nowait(i);
  bool ordered = true;
  for (int i = 200; i-- > 100;) ordered = ordered && q.get_nowait() == i;
  q.put_nowait(7);
  ordered = ordered && q.get_nowait() == 7;
  for (int i = 100; i-- > 0;) ordered = ordered && q.get_nowait() == i;
  CHECK(ordered);
  CHECK(q.empty());
}

TEST_CASE("QUEUE-001: a priority_queue gives the smallest item first", "[sync][queue]") {
  priority_queue<int> q;
  for (const int i : {5, 1, 4, 1, 3, 9, 0, 2}) q.put_nowait(i);
  CHECK(drain(q) == "0 1 1 2 3 4 5 9 ");
  priority_queue<int, std::greater<>> largest;
  for (const int i : {5, 1, 4}) largest.put_nowait(i);
  CHECK(drain(largest) == "5 4 1 ");
  unsigned number = 1;
  std::vector<int> expected;
  for (int i = 0; i < 1000; ++i) {
    number = number * 1664525U + 1013904223U;
    expected.push_back(static_cast<int>(number >> 20U));
    q.put_nowait(expected.back());
  }
  std::sort(expected.begin(), expected.end());
  bool ordered = true;
  for (const int each : expected) ordered = ordered && q.get_nowait() == each;
  CHECK(ordered);
}

TEST_CASE("QUEUE-001: a priority_queue keeps its items as Python's heapq does", "[sync][queue]") {
  using entry = std::tuple<int, std::string>;
  auto by_number = [](const entry& a, const entry& b) { return std::get<0>(a) < std::get<0>(b); };
  priority_queue<entry, decltype(by_number)> q(0, by_number);
  for (const char* name : {"a", "b", "c", "d", "e"}) q.put_nowait(entry(1, name));
  q.put_nowait(entry(0, "f"));
  CHECK(to_string(q) ==
        "<PriorityQueue maxsize=0 _queue=[(0, 'f'), (1, 'b'), (1, 'a'), (1, 'd'), (1, 'e'), (1, 'c')] tasks=6>");
  std::string order;
  while (!q.empty()) order += std::get<1>(q.get_nowait());
  CHECK(order == "facebd");
}

LOOP_TEST("QUEUE-003: every kind waits while it is full and while it is empty", "[sync][queue]") {
  lifo_queue<int> stack(2);
  priority_queue<int> sorted(2);
  const auto produce = [](lifo_queue<int>& s, priority_queue<int>& p) -> coro<> {
    for (int i = 0; i < 30; ++i) {
      co_await s.put(i);
      co_await p.put(i);
    }
  };
  const task<> producer = create_task(produce, std::ref(stack), std::ref(sorted));
  int sum = 0;
  for (int i = 0; i < 30; ++i) {
    sum += co_await stack.get();
    sum += co_await sorted.get();
  }
  co_await producer;
  CHECK(sum == 2 * (29 * 30 / 2));
}

LOOP_TEST("QUEUE-011: a cancelled getter of any kind of queue passes its turn on", "[sync][queue]") {
  co_await passes_a_getters_turn_on<queue<int>>();
  co_await passes_a_getters_turn_on<lifo_queue<int>>();
  co_await passes_a_getters_turn_on<priority_queue<int>>();
}

LOOP_TEST("QUEUE-012: a cancelled putter of any kind of queue passes its turn on", "[sync][queue]") {
  co_await passes_a_putters_turn_on<queue<int>>();
  co_await passes_a_putters_turn_on<lifo_queue<int>>();
  co_await passes_a_putters_turn_on<priority_queue<int>>();
}

TEST_CASE("QUEUE-021: the text of every kind", "[sync][queue]") {
  lifo_queue<int> stack(3);
  stack.put_nowait(1);
  stack.put_nowait(2);
  CHECK(to_string(stack) == "<LifoQueue maxsize=3 _queue=[1, 2] tasks=2>");
  priority_queue<std::string> sorted;
  sorted.put_nowait("b");
  sorted.put_nowait("a");
  CHECK(to_string(sorted) == "<PriorityQueue maxsize=0 _queue=['a', 'b'] tasks=2>");
  sorted.shutdown();
  CHECK(to_string(sorted) == "<PriorityQueue maxsize=0 _queue=['a', 'b'] tasks=2 shutdown>");
  sorted.shutdown(true);
  CHECK(to_string(sorted) == "<PriorityQueue maxsize=0 shutdown>");
}

TEST_CASE("queue: a long one keeps its order", "[sync][queue]") {
  queue<int> q;
  int in = 0;
  int out = 0;
  bool ordered = true;
  for (const int step : {1, 61, 62, 63, 500, 7, 1000}) {
    for (int i = 0; i < step; ++i) q.put_nowait(in++);
    for (int i = 0; i < step - 1; ++i) ordered = ordered && q.get_nowait() == out++;
  }
  while (!q.empty()) ordered = ordered && q.get_nowait() == out++;
  CHECK(ordered);
  CHECK(in == out);
}

TEST_CASE("queue: items of any size and alignment", "[sync][queue]") {
  queue<std::array<char, 64>> large;
  queue<std::array<char, 65>> larger;
  queue<bool> bits;
  lifo_queue<std::unique_ptr<int>> owners;
  queue<wide> aligned;
  for (char i = 0; i < 100; ++i) {
    std::array<char, 64> a{};
    std::array<char, 65> b{};
    a[63] = b[64] = i;
    large.put_nowait(a);
    larger.put_nowait(b);
    bits.put_nowait(i % 3 == 0);
    owners.put_nowait(std::make_unique<int>(i));
    aligned.put_nowait(wide(std::string(30, i)));
  }
  CHECK(to_string(bits).substr(0, 46) == "<Queue maxsize=0 _queue=[True, False, False, T");
  bool right = true;
  for (char i = 0; i < 100; ++i) {
    right = right && large.get_nowait()[63] == i && larger.get_nowait()[64] == i;
    right = right && bits.get_nowait() == (i % 3 == 0) && *owners.get_nowait() == 99 - i;
    right = right && aligned.get_nowait().text == std::string(30, i);
  }
  CHECK(right);
}

TEST_CASE("QUEUE-021: the text of a queue with many items, some of which are taken", "[sync][queue]") {
  queue<int> q;
  for (int i = 0; i < 300; ++i) q.put_nowait(i);
  for (int i = 0; i < 5; ++i) static_cast<void>(q.get_nowait());
  std::string items = "5";
  for (int i = 6; i < 300; ++i) items += ", " + std::to_string(i);
  CHECK(to_string(q) == "<Queue maxsize=0 _queue=[" + items + "] tasks=300>");
}

TEST_CASE("queue: an item may use the queue whenever its own code runs", "[sync][queue]") {
  queue<nosy> q;
  for (int i = 0; i < 3; ++i) q.put_nowait(nosy(q, i));
  CHECK(to_string(q) == "<Queue maxsize=0 _queue=[0, 1, 2] tasks=3>");
  CHECK(q.get_nowait().number() == 0);
  q.shutdown(true);
  CHECK(q.empty());
}

TEST_CASE("queue: of the memory that two have fetched at once the first is taken alone", "[sync][queue]") {
  detail::lifo_items<int> items;
  const std::size_t before = items.capacity();
  auto first = items.allocate(before);
  auto second = items.allocate(before);
  items.accept(first, before);
  const std::size_t after = items.capacity();
  CHECK(after > before);
  items.accept(second, before);
  CHECK(items.capacity() == after);
  CHECK(second != nullptr);
}

TEST_CASE("queue: items left in a queue are destroyed with it", "[sync][queue]") {
  const auto item = std::make_shared<int>(1);
  {
    queue<std::shared_ptr<int>> first_in;
    lifo_queue<std::shared_ptr<int>> last_in;
    for (int i = 0; i < 200; ++i) first_in.put_nowait(item);
    for (int i = 0; i < 200; ++i) last_in.put_nowait(item);
    CHECK(item.use_count() == 401);
  }
  CHECK(item.use_count() == 1);
}

LOOP_TEST("queue: an item that cannot be moved out is gone, and the queue goes on", "[sync][queue]") {
  queue<stuck> q;
  q.put_nowait(stuck());
  const auto get_it = [](queue<stuck>& from) -> coro<> { static_cast<void>(co_await from.get()); };
  const std::string how = co_await outcome(get_it(q));
  CHECK(how == "error: cannot move");
  CHECK(q.empty());
}

LOOP_TEST("queue: a comparison that throws leaves a priority_queue as it was", "[sync][queue]") {
  priority_queue<int, fussy> q(2);
  q.put_nowait(3);
  CHECK_THROWS_AS(q.put_nowait(13), std::domain_error);
  const std::string how = co_await outcome(put_13(q));
  CHECK(how == "error: 13");
  CHECK(to_string(q) == "<PriorityQueue maxsize=2 _queue=[3] tasks=1>");
  CHECK(q.get_nowait() == 3);
  q.put_nowait(13);  // nothing to compare it with
  CHECK_THROWS_AS(q.put_nowait(1), std::domain_error);
  CHECK(q.get_nowait() == 13);
}

LOOP_TEST("queue: a newcomer that fails wakes nobody", "[sync][queue]") {
  priority_queue<int, fussy> q(2);
  q.put_nowait(3);
  q.put_nowait(5);
  std::vector<task<>> putters;
  for (int item = 1; item <= 4; item *= 2) putters.push_back(create_task(put_one(q, item)));
  co_await settle(2);
  CHECK(q.get_nowait() == 3);
  CHECK_THROWS_AS(q.put_nowait(13), std::domain_error);
  const std::string how = co_await outcome(put_13(q));
  CHECK(how == "error: 13");
  co_await settle(4);
  CHECK(q.get_nowait() == 1);
  co_await settle(4);
  CHECK(to_string(q) == "<PriorityQueue maxsize=2 _queue=[2, 5] _putters[1] tasks=4>");
  CHECK(q.get_nowait() == 2);
  co_await gather(putters);
}

LOOP_TEST("queue: a putter that fails passes its turn on", "[sync][queue]") {
  priority_queue<int, fussy> q(2);
  q.put_nowait(3);
  q.put_nowait(5);
  const task<> bad = create_task(put_13(q));
  const task<> good = create_task(put_1(q));
  co_await settle(2);
  static_cast<void>(q.get_nowait());
  const std::string how = co_await outcome(bad);
  CHECK(how == "error: 13");
  co_await good;
  CHECK(q.get_nowait() == 1);
}

namespace {

/// Python's heapq, word for word.
class reference_heap {
 public:
  using entry = std::pair<int, int>;  // what is compared, and a number of its own
  void push(entry e) {
    entries_.push_back(e);
    sift_down(0, entries_.size() - 1);
  }
  entry pop() {
    const entry last = entries_.back();
    entries_.pop_back();
    if (entries_.empty()) return last;
    const entry top = std::exchange(entries_[0], last);
    sift_up(0);
    return top;
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  void sift_down(std::size_t start, std::size_t at) {
    const entry moved = entries_[at];
    while (at > start) {
      const std::size_t parent = (at - 1) / 2;
      if (!(moved.first < entries_[parent].first)) break;
      entries_[at] = entries_[parent];
      at = parent;
    }
    entries_[at] = moved;
  }
  void sift_up(std::size_t at) {
    const std::size_t start = at;
    const entry moved = entries_[at];
    std::size_t child = 2 * at + 1;
    while (child < entries_.size()) {
      const std::size_t right = child + 1;
      if (right < entries_.size() && !(entries_[child].first < entries_[right].first)) child = right;
      entries_[at] = entries_[child];
      at = child;
      child = 2 * at + 1;
    }
    entries_[at] = moved;
    sift_down(start, at);
  }
  std::vector<entry> entries_;
};

}  // namespace

TEST_CASE("QUEUE-001: a priority_queue takes equal items in the order of Python's heapq, whatever comes and goes",
          "[sync][queue]") {
  using entry = reference_heap::entry;
  auto by_first = [](const entry& a, const entry& b) { return a.first < b.first; };
  detail::rng random(1);
  for (const std::uint64_t kinds : {1, 2, 3, 10, 1000}) {
    priority_queue<entry, decltype(by_first)> q(0, by_first);
    reference_heap expected;
    bool same = true;
    for (int i = 0; i < 3000; ++i) {
      if (expected.empty() || random.below(i < 2000 ? 5 : 2) != 0) {
        const entry fresh(static_cast<int>(random.below(kinds)), i);
        q.put_nowait(fresh);
        expected.push(fresh);
      } else {
        same = same && q.get_nowait() == expected.pop();
      }
    }
    while (!expected.empty()) same = same && q.get_nowait() == expected.pop();
    INFO(kinds << " different ones");
    CHECK(same);
    CHECK(q.empty());
  }
}

TEST_CASE("queue: of two who make room for a stack at once only one's is taken", "[sync][queue]") {
  detail::lifo_items<int> items;
  auto first = detail::lifo_items<int>::allocate(0);
  auto second = detail::lifo_items<int>::allocate(0);
  items.accept(first, 0);
  const std::size_t room = items.capacity();
  items.accept(second, 0);
  CHECK(first == nullptr);
  CHECK(second != nullptr);
  CHECK(items.capacity() == room);
  CHECK(room > 0);
}
