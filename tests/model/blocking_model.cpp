// SPDX-License-Identifier: BSL-1.0
// Models of threads that block outside the loops: for room among the submissions, and for the end of a task.
#include "runtime/blocking.hpp"

#include <memory>
#include <mutex>

#include "model.hpp"

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

class model_mutex {
 public:
  void lock() { inner_.lock($); }
  void unlock() { inner_.unlock($); }
  // For the condition, which frees and takes it.
  void lock(rl::debug_info_param where) { inner_.lock(where); }
  void unlock(rl::debug_info_param where) { inner_.unlock(where); }

 private:
  rl::mutex inner_;
};

class model_condition {
 public:
  template <class Until>
  void wait(std::unique_lock<model_mutex>& hold, Until until) {
    while (!until()) inner_.wait(*hold.mutex(), $);
  }
  template <class Deadline, class Until>
  bool wait_until(std::unique_lock<model_mutex>& hold, Deadline, Until until) {  // the deadline may come at any moment
    return until() || (inner_.wait_for(*hold.mutex(), 0, $), until());
  }
  void notify_one() { inner_.notify_one($); }
  void notify_all() { inner_.notify_all($); }

 private:
  rl::condition_variable_any inner_;
};

struct model_blocking {
  using mutex = model_mutex;
  using condition = model_condition;
};

// --- room -------------------------------------------------------------------------------------------------------------

template <class Derived, int Threads, int Bound>
struct permits_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<detail::basic_places<model_blocking>> permits;
  int inside = 0;

  void before() {
    inside = 0;
    permits = std::make_unique<detail::basic_places<model_blocking>>(Bound);
  }
  void after() { permits.reset(); }

  /// Takes up to `wanted`, and gives each back by itself or all at once. False once it is closed.
  bool pass(std::size_t wanted, bool one_by_one) {
    const auto got = permits->take(wanted, true);
    RL_ASSERT(!got.full && (got.closed || (got.taken >= 1 && got.taken <= wanted)));
    if (got.closed) return false;
    inside += static_cast<int>(got.taken);
    RL_ASSERT(inside <= Bound);
    give_back(got.taken, one_by_one);
    return true;
  }
  void give_back(std::size_t n, bool one_by_one) {
    inside -= static_cast<int>(n);
    if (!one_by_one) {
      permits->give_back(n);
      return;
    }
    for (; n != 0; --n) permits->give_back(1);
  }
};

/// Three threads through a gate for one: each gets in, also who wants more.
struct one_place : permits_model<one_place, 3, 1> {
  void thread(unsigned who) { RL_ASSERT(pass(who == 2 ? 2 : 1, true)); }
};

/// A burst gives two places back at once: both that wait get in.
struct burst_leaves : permits_model<burst_leaves, 3, 2> {
  void before() {
    permits_model::before();
    RL_ASSERT(permits->take(2, false).taken == 2);
    inside = 2;
  }
  void thread(unsigned who) {
    if (who == 0) {
      give_back(2, false);
    } else {
      RL_ASSERT(permits->take(1, true).taken == 1);
    }
  }
};

/// A close lets nobody wait on, and nobody in afterwards.
struct closed_while_waited : permits_model<closed_while_waited, 3, 1> {
  void before() {
    permits_model::before();
    RL_ASSERT(permits->take(1, false).taken == 1);
  }
  void thread(unsigned who) {
    if (who == 0) {
      permits->close();
      RL_ASSERT(permits->take(1, true).closed && permits->take(1, false).closed);
    } else {
      RL_ASSERT(permits->take(1, true).closed);
    }
  }
};

/// Who may not wait takes all or none.
struct all_or_none : permits_model<all_or_none, 2, 2> {
  void thread(unsigned) {
    const auto got = permits->take(2, false);
    RL_ASSERT(!got.closed && got.taken == (got.full ? 0U : 2U));
    inside += static_cast<int>(got.taken);
    RL_ASSERT(inside <= 2);
    if (got.taken != 0) give_back(2, false);
  }
};

// --- an end -----------------------------------------------------------------------------------------------------------

/// Two threads wait, one of them until a deadline; the task ends. Who returns with true sees the result.
struct waited_end : rl::test_suite<waited_end, 3> {
  struct state {
    detail::basic_latch<model_blocking> latch;
    rl::var<int> result;
  };
  std::unique_ptr<state> world;
  void before() { world = std::make_unique<state>(); }
  void after() { world.reset(); }
  void thread(unsigned who) {
    if (who == 0) {
      world->result($) = 1;
      world->latch.end();
    } else if (who == 1) {
      world->latch.wait();
      RL_ASSERT(world->result($) == 1);
    } else if (world->latch.wait_until({})) {
      RL_ASSERT(world->result($) == 1);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(
      argc, argv,
      {scenario<one_place>("room: three threads for one place"), scenario<burst_leaves>("room: a burst gives two back"),
       scenario<closed_while_waited>("room: closed while two wait"), scenario<all_or_none>("room: all or none", 3),
       scenario<waited_end>("end: two threads wait")});
}
