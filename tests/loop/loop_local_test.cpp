// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

struct ends {
  void note(const std::string& what) {
    const std::lock_guard hold(guard);
    order.push_back(what);
    threads.push_back(std::this_thread::get_id());
  }
  std::mutex guard;
  std::vector<std::string> order;
  std::vector<std::thread::id> threads;
};

class tracked {
 public:
  tracked(std::shared_ptr<ends> log, std::string name) : log_(std::move(log)), name_(std::move(name)) {}
  tracked(const tracked&) = delete;
  tracked& operator=(const tracked&) = delete;
  ~tracked() { log_->note(name_); }
  int value = 0;

 private:
  std::shared_ptr<ends> log_;  // a loop's object may outlive the test's body
  std::string name_;
};

coro<int> add_here(const loop_local<int>& counter, int turns) {
  int right = 0;
  for (int i = 0; i < turns; ++i) {
    const int before = *counter;
    ++*counter;
    right += *counter == before + 1 ? 1 : 0;  // no suspension between: nobody else was there
    co_await sleep(0ns);
  }
  co_return right;
}

}  // namespace

RUNTIME_TEST("loop_local: each loop has its own, and tasks share it without a lock", "[loop][loop_local]") {
  const loop_local<int> counter;
  std::vector<task<int>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(create_task(add_here(counter, 20)));
  for (const task<int>& each : tasks) {
    const int right = co_await each;
    CHECK(right == 20);
  }
  int sum = 0;
  for (int i = 0; i < loop_count(); ++i) {
    const auto read = [](const loop_local<int>& c) -> coro<int> {
      const int* made = c.find();
      co_return made == nullptr ? 0 : *made;
    };
    const task_options there{.pin = true, .loop = &current_runtime().loop(i)};
    const task<int> t = create_task(there, read, std::cref(counter));
    sum += co_await t;
  }
  CHECK(sum == 400);
}

LOOP_TEST("loop_local: it is made at the first use, by the function it was given", "[loop][loop_local]") {
  int made = 0;
  const loop_local<std::string> text([&made] {
    ++made;
    return std::string("made");
  });
  CHECK(text.find() == nullptr);
  CHECK(*text == "made");
  text->push_back('!');
  CHECK(text.get() == "made!");
  CHECK(made == 1);
  co_return;
}

LOOP_TEST("loop_local: when making it fails there is none, and the next use tries again", "[loop][loop_local]") {
  bool fails = true;
  const loop_local<int> value([&fails] {
    if (fails) throw std::runtime_error("no");
    return 4;
  });
  CHECK_THROWS_AS(value.get(), std::runtime_error);
  CHECK(value.find() == nullptr);
  fails = false;
  CHECK(*value == 4);
  co_return;
}

TEST_CASE("loop_local: outside of loops there is none", "[loop][loop_local]") {
  const loop_local<int> value;
  CHECK_THROWS_AS(value.get(), no_running_loop);
  const auto main = [](const loop_local<int>& local) -> coro<bool> {
    co_return co_await to_thread(
        [](const loop_local<int>& l) {
          try {
            return l.find() == nullptr && false;
          } catch (const no_running_loop&) {
            return true;
          }
        },
        std::cref(local));
  };
  CHECK(run(main(value), one_loop()));
}

LOOP_TEST("loop_local: several of them, and one in the place of another that has gone", "[loop][loop_local]") {
  const auto log = std::make_shared<ends>();
  const auto make = [log](const char* name) { return [log, name] { return tracked(log, name); }; };
  const loop_local<tracked> first(make("first"));
  ++first->value;
  {
    const loop_local<tracked> second(make("second"));
    second->value = 5;
    CHECK(first->value == 1);
  }
  CHECK(log->order.empty());  // what a loop keeps lives on
  const loop_local<tracked> third(make("third"));
  CHECK(third->value == 0);  // not the second's, whose place it has
  CHECK(log->order == std::vector<std::string>{"second"});
  co_return;
}

TEST_CASE("loop_local: objects end on their loop's thread, the last one first, after all tasks", "[loop][loop_local]") {
  for (const int loops : {1, 2, 4}) {
    const auto log = std::make_shared<ends>();
    const loop_local<tracked> older([log] { return tracked(log, "older"); });
    const loop_local<tracked> younger([log] { return tracked(log, "younger"); });
    std::vector<std::thread::id> ran_on;
    {
      runtime r(run_options().loops(loops));
      const auto use = [](const loop_local<tracked>& a, const loop_local<tracked>& b) -> coro<std::thread::id> {
        a->value = 1;
        b->value = 1;
        co_return std::this_thread::get_id();
      };
      for (int i = 0; i < loops; ++i)
        ran_on.push_back(run_coroutine_threadsafe(use(older, younger), r.loop(i)).result());
    }
    REQUIRE(log->order.size() == 2 * ran_on.size());
    for (const std::thread::id thread : ran_on) {
      std::vector<std::string> here;
      for (std::size_t i = 0; i < log->order.size(); ++i) {
        if (log->threads[i] == thread) here.push_back(log->order[i]);
      }
      CHECK(here == std::vector<std::string>{"younger", "older"});
    }
  }
}

TEST_CASE("loop_local: a task that is abandoned may still use it in its destructors", "[loop][loop_local]") {
  for (const int loops : {1, 4}) {
    const auto log = std::make_shared<ends>();
    const loop_local<tracked> kept([log] { return tracked(log, "object"); });
    class user {
     public:
      explicit user(tracked& object, ends& order) : object_(&object), order_(&order) {}
      user(const user&) = delete;
      user& operator=(const user&) = delete;
      ~user() { order_->note(object_->value == 3 ? "task" : "task without its object"); }

     private:
      tracked* object_;
      ends* order_;
    };
    const auto stubborn = [](const loop_local<tracked>& local, ends& order, std::atomic<int>& begun) -> coro<> {
      tracked& mine = local.get();  // may be kept: the task is pinned
      mine.value = 3;
      const user u(mine, order);
      ++begun;
      for (;;) {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
      }
    };
    std::atomic<int> begun{0};
    {
      runtime r(run_options().loops(loops).shutdown_timeout(1ms));
      for (int i = 0; i < loops; ++i) {
        r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
        static_cast<void>(run_coroutine_threadsafe(stubborn(kept, *log, begun), r.loop(i)));
      }
      while (begun < loops) std::this_thread::yield();
    }
    const auto n = static_cast<std::size_t>(loops);
    REQUIRE(log->order.size() == 2 * n);
    CHECK(std::count(log->order.begin(), log->order.begin() + loops, "task") == loops);
    CHECK(std::count(log->order.begin() + loops, log->order.end(), "object") == loops);
  }
}

TEST_CASE("loop_local: an object made while its loop ends is destroyed as well", "[loop][loop_local]") {
  const auto log = std::make_shared<ends>();
  const loop_local<tracked> late([log] { return tracked(log, "late"); });
  class maker {
   public:
    explicit maker(const loop_local<tracked>& makes) : makes_(&makes) {}
    ~maker() {
      if (makes_ != nullptr) (*makes_)->value = 1;
    }
    maker(maker&& other) noexcept : makes_(std::exchange(other.makes_, nullptr)) {}
    maker& operator=(maker&&) = delete;

   private:
    const loop_local<tracked>* makes_;
  };
  const loop_local<maker> early([&late] { return maker(late); });
  const auto main = [](const loop_local<maker>& local) -> coro<> {
    static_cast<void>(local.get());
    co_return;
  };
  for (const int loops : {1, 2}) {
    log->order.clear();
    run(main(early), run_options().loops(loops));
    CHECK(log->order == std::vector<std::string>{"late"});
  }
}

TEST_CASE("loop_local: a loop of its own", "[loop][loop_local]") {
  const auto log = std::make_shared<ends>();
  const loop_local<tracked> local([log] { return tracked(log, "object"); });
  const auto loop = new_event_loop();
  const auto use = [](const loop_local<tracked>& l) -> coro<> {
    ++l->value;
    co_return;
  };
  loop->run_until_complete(use(local));
  loop->run_until_complete(use(local));
  CHECK(log->order.empty());
  loop->close();
  CHECK(log->order == std::vector<std::string>{"object"});
}

TEST_CASE("loop_local: a checked reference says when its task has moved", "[loop][loop_local]") {
  const auto body = [](const loop_local<int>& local) -> coro<std::string> {
    event_loop& first = current_runtime().loop(0);
    event_loop& second = current_runtime().loop(1);
    co_await resume_on(first);
    const local_ref<int> mine = local.ref();
    *mine = 3;
    co_await resume_on(second);
    std::string how;
    try {
      *mine = 4;
    } catch (const error& e) {
      how = e.what();
    }
    co_await resume_on(first);
    co_return *mine == 3 ? how : "changed";
  };
  const loop_local<int> local;
  runtime r(run_options().loops(2));
  CHECK(run_coroutine_threadsafe(body(local), r).result() ==
        "loop_local: a reference that was taken on loop 0 is used on loop 1; pin the task, or take it anew after each "
        "suspension");
}
