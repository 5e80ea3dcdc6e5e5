// SPDX-License-Identifier: BSL-1.0
// Model of a future: those who end it against each other, against tasks that begin to wait and are cancelled, and against
// callbacks that are added and taken back.
#include <core/task_protocol.hpp>
#include <gyre/core/completion.hpp>

#include <array>
#include <memory>

#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

struct model_future;

struct waiting_task : model_task {
  using model_task::model_task;
  model_future* waits_for = nullptr;
  /// As task_core's.
  word::wait_kind pass_cancel_on(model_future& awaited);
};

/// What waits for a future: a task, or a callback with a number.
struct future_node : detail::list_link<> {
  waiting_task* task = nullptr;
  model_var<int> number{0};
  int delivered = 0;
  int taken_back = 0;
  int dropped = 0;

  void deliver(detail::given_back back = {}) {
    ++delivered;
    RL_ASSERT(number != -1);
    if (task != nullptr) task->wake(back);
  }
};

/// As future_core: the slot is a number, -1 for a cancellation.
struct model_future : detail::basic_completion<future_node, model_policy> {
  static constexpr int cancelled = -1;
  model_var<int> slot{0};
  model_var<std::int32_t> missed{detail::given_back::nothing};
  [[nodiscard]] detail::given_back gives_back() const { return detail::given_back{missed}; }

  bool set(int value) {
    if (!reserve()) return false;
    slot = value;
    RL_ASSERT(settle_with(value == cancelled ? status::cancelled : status::finished,
                          [this](future_node& n) { n.deliver(gives_back()); }));
    return true;
  }
  /// A task that produces it and runs its last step, or nobody.
  model_task* producer = nullptr;
  bool cancel(waiting_task& asker) {
    if (producer == nullptr) return set(cancelled);
    constexpr auto who = model_task::bits::cancel_requested;
    return detail::request_for(asker, *this, producer->state, false, who).step == model_task::word::cancel_step::noted;
  }
  /// As own_task::settle.
  void end_task() {
    missed = model_task::word::missed_requests(producer->state.finish()).at;
    RL_ASSERT(set(7));
  }
  void close() {
    forsake([](future_node& n) { ++n.dropped; });
  }
  /// As suspend_on(), and suspend_with_care() where `looks` of its looks at the circle meet somebody's lock.
  void wait(future_node& node, waiting_task& t, int looks = 0) {
    node.task = &t;
    detail::await_completion(t, *this, [&](model_task::word::wait_kind kind) {
      return park_at(node, [&] {
        t.waits_for = this;
        if (!t.state.park(kind)) return false;
        return kind != model_task::word::wait_kind::forwarding || looks-- <= 0 || !t.state.unpark();
      });
    });
  }
};

model_task::word::wait_kind waiting_task::pass_cancel_on(model_future& awaited) {
  return detail::pass_on_before_wait(state, [&] { return awaited.cancel(*this); }, [] { return false; });
}

/// How a request meets a circle of awaits: not at all; it came from the task that it comes to; what the task waits for is a
/// child of a fork-join whose parent sends the request, and turns it back.
enum class met { nothing, itself, turned_back };

/// No task here is in a fork-join.
struct no_block {
  static bool take_request() { return false; }
};

/// What task_core.cpp says of cancels.
template <met Met>
struct cancel_traits {
  class future_ref {
   public:
    static future_ref share(model_future& f) {
      future_ref held;
      held.future_ = &f;
      return held;
    }
    [[nodiscard]] model_future* get() const { return future_; }

   private:
    model_future* future_ = nullptr;
  };
  using block_ref = no_block*;

  static void wait_was_ended(waiting_task& t) { t.enqueue(t); }
  static bool comes_from(waiting_task&) { return Met == met::itself; }
  static bool leave_cycle(waiting_task& t, model_future& f, model_task::bits::word who) {
    const auto how = detail::leave_circle(t.state, f, [&](future_node& n) { return n.task == &t; }, who);
    if (how == detail::circle_end::left) t.enqueue(t);
    return how != detail::circle_end::over;
  }
  static bool hands_on() { return false; }
  static bool put_off(waiting_task&) { return false; }
  static detail::passed_on cancel_future(waiting_task& t, model_future& f, int) {
    if (Met == met::turned_back) return detail::passed_on::turned_back;
    return f.cancel(t) ? detail::passed_on::taken : detail::passed_on::refused;
  }
  static bool delivers_itself(const waiting_task&) { return true; }
  static model_task::word::attempt repeat(waiting_task& t, model_task::bits::word who) {
    return t.state.ask_cancel(true, who);
  }
  static block_ref ask_gather(waiting_task&, block_ref, model_task::bits::word, std::uint16_t) { return {}; }
  static bool cancel_children(waiting_task&, no_block&, int) { return false; }
};

template <met Met = met::nothing>
bool cancel(waiting_task& t) {
  constexpr auto who = model_task::bits::cancel_requested;
  return detail::deliver_cancel<cancel_traits<Met>>(t, t.state.ask_cancel(false, who), 0, who);
}

template <class Derived, int Threads>
struct future_model : rl::test_suite<Derived, Threads> {
  std::unique_ptr<model_future> future;
  std::unique_ptr<waiting_task> task;
  std::array<future_node*, 2> nodes{};

  void before() {
    future = std::make_unique<model_future>();
    task = std::make_unique<waiting_task>();
    for (auto& n : nodes) n = new future_node;
  }
  void after() {
    for (auto* n : nodes) delete n;
    task.reset();
    future.reset();
  }
};

/// A task waits, or finds that it need not: it sees what was set.
struct awaited : future_model<awaited, 2> {
  void thread(unsigned who) {
    if (who == 1) {
      RL_ASSERT(future->set(7));
      return;
    }
    if (!future->done()) {
      future->wait(*nodes[0], *task);
      task->next_step();
    }
    RL_ASSERT(future->done() && future->slot == 7 && task->steps <= 1);
  }
};

/// Two who set it and one who cancels it: one of them wins, and the task that waits sees what that one wrote.
struct setters : future_model<setters, 3> {
  int won = 0;
  int winner = 0;
  void before() {
    won = winner = 0;
    future_model::before();
    future->wait(*nodes[0], *task);
  }
  void thread(unsigned who) {
    const int value = who == 2 ? model_future::cancelled : static_cast<int>(who) + 1;
    if (future->set(value)) {
      ++won;
      winner = value;
    }
    if (who == 2) {
      task->next_step();
      RL_ASSERT(future->slot == winner);
    }
  }
  void after() {
    RL_ASSERT(won == 1 && task->steps == 1);
    RL_ASSERT((future->outcome() == model_future::status::cancelled) == (winner == model_future::cancelled));
    future_model::after();
  }
};

/// A task begins to wait while the future ends and while the task is cancelled. The request ends the future, or stays with
/// the task; never both, never neither.
struct cancelled_waiter : future_model<cancelled_waiter, 3> {
  bool set = false;
  void before() {
    set = false;
    future_model::before();
  }
  void thread(unsigned who) {
    if (who == 0) {
      future->wait(*nodes[0], *task);
      task->next_step();
      RL_ASSERT(future->done());
      RL_ASSERT(future->slot == (set ? 7 : model_future::cancelled));
    } else if (who == 1) {
      set = future->set(7);
    } else {
      RL_ASSERT(cancel(*task));
    }
  }
  void after() {
    RL_ASSERT(task->steps == 1 && task->state.cancelling() == 1);
    RL_ASSERT(task->state.take_cancel() == set);
    future_model::after();
  }
};

/// The same where the request came round a circle of awaits: the task leaves it, unless the future ends first.
template <met Met>
struct circle : future_model<circle<Met>, 3> {
  using model = future_model<circle<Met>, 3>;
  using model::future;
  using model::nodes;
  using model::task;
  void before() {
    model::before();
    future->wait(*nodes[0], *task);
  }
  void thread(unsigned who) {
    if (who == 0) {
      task->next_step();
      task->state.finish();
    } else if (who == 1) {
      RL_ASSERT(future->set(7));
    } else {
      cancel<Met>(*task);
    }
  }
  void after() {
    RL_ASSERT(task->steps == 1 && future->done());
    RL_ASSERT(nodes[0]->delivered == (task->state.wait_ended_by_cancel() ? 0 : 1));
    model::after();
  }
};

/// The same where nothing else ends the wait.
template <met Met>
struct closed_circle : future_model<closed_circle<Met>, 2> {
  using model = future_model<closed_circle<Met>, 2>;
  using model::future;
  using model::nodes;
  using model::task;
  void before() {
    model::before();
    future->wait(*nodes[0], *task);
  }
  void thread(unsigned who) {
    if (who == 0) {
      task->next_step();
      RL_ASSERT(task->state.take_cancel() && !future->done());
    } else {
      RL_ASSERT(cancel<Met>(*task));
    }
  }
};

/// A task parks, takes that back and parks again: nobody has ended the wait that it took back.
struct wait_with_care : future_model<wait_with_care, 3> {
  bool set = false;
  void before() {
    set = false;
    future_model::before();
  }
  void thread(unsigned who) {
    if (who == 0) {
      future->wait(*nodes[0], *task, 1);
      task->next_step();
      RL_ASSERT(future->done());
      RL_ASSERT(future->slot == (set ? 7 : model_future::cancelled));
    } else if (who == 1) {
      set = future->set(7);
    } else {
      RL_ASSERT(cancel(*task));
    }
  }
  void after() {
    RL_ASSERT(task->steps == 1 && task->state.cancelling() == 1);
    RL_ASSERT(task->state.take_cancel() == set);
    future_model::after();
  }
};

/// A task waits for one that is in its last step, while it is cancelled: the request comes back to it, or stayed with it.
/// Either way it takes it once, and the other task's result stands. `Others`: somebody cancels that other task, too.
template <bool Others>
struct too_late : future_model<too_late<Others>, Others ? 4 : 3> {
  using model = future_model<too_late<Others>, Others ? 4 : 3>;
  using model::future;
  using model::nodes;
  using model::task;
  std::unique_ptr<model_task> other;
  int thrown = 0;
  void before() {
    thrown = 0;
    model::before();
    other = std::make_unique<model_task>();
    future->producer = other.get();
    if (Others) future->wait(*nodes[0], *task);
  }
  void thread(unsigned who) {
    if (who == 0) {
      if (!Others) future->wait(*nodes[0], *task);
      task->next_step();
      RL_ASSERT(future->done() && future->slot == 7);
      thrown = task->state.take_cancel() ? 1 : 0;
    } else if (who == 1) {
      future->end_task();
    } else if (who == 2) {
      RL_ASSERT(cancel(*task));
    } else {
      static_cast<void>(other->state.request_cancel());
    }
  }
  void after() {
    thrown += task->state.take_cancel() ? 1 : 0;
    RL_ASSERT(thrown == 1 && task->steps == 1 && task->state.cancelling() == 1);
    other.reset();
    model::after();
  }
};

/// The same for one who waits beside, and was cancelled long ago: nothing comes back that it has not handed on.
struct beside : future_model<beside, 3> {
  std::unique_ptr<model_task> other;
  void before() {
    future_model::before();
    other = std::make_unique<model_task>();
    future->producer = other.get();
    static_cast<void>(task->state.request_cancel());
    RL_ASSERT(task->state.take_cancel());
  }
  void thread(unsigned who) {
    if (who == 0) {
      future->wait(*nodes[0], *task);
      task->next_step();
      RL_ASSERT(future->done() && !task->state.cancel_pending());
    } else if (who == 1) {
      future->end_task();
    } else {
      static_cast<void>(other->state.request_cancel());
    }
  }
  void after() {
    other.reset();
    future_model::after();
  }
};

/// A task that awaits another is cancelled; the other takes that, and then misses somebody else's request, with which the
/// first one does not come back; or the first one comes too late itself, and does.
struct taken_before : future_model<taken_before, 3> {
  std::unique_ptr<model_task> other;
  bool taken = false;
  void before() {
    taken = false;
    future_model::before();
    other = std::make_unique<model_task>();
    future->producer = other.get();
    future->wait(*nodes[0], *task);
  }
  void thread(unsigned who) {
    if (who == 0) {
      task->next_step();
      RL_ASSERT(future->done() && future->slot == 7);
    } else if (who == 1) {
      taken = other->state.take_cancel();
      if (taken) static_cast<void>(other->state.request_cancel(model_task::bits::one_scope));
      future->end_task();
    } else {
      RL_ASSERT(cancel(*task));
    }
  }
  void after() {
    const bool came_back = task->state.take_cancel();
    RL_ASSERT(came_back == !taken && task->steps == 1 && task->state.cancelling() == 1);
    other.reset();
    future_model::after();
  }
};

/// A callback that is added and one that is taken back while the future ends: each runs once, or was taken back once.
struct callbacks : future_model<callbacks, 3> {
  void before() {
    future_model::before();
    nodes[1]->number = 2;
    RL_ASSERT(future->add(*nodes[1]));
  }
  void thread(unsigned who) {
    if (who == 0) {
      nodes[0]->number = 1;
      if (!future->add(*nodes[0])) {
        RL_ASSERT(future->slot == 7);
        nodes[0]->deliver();
      }
    } else if (who == 1) {
      RL_ASSERT(future->set(7));
    } else if (auto* found = future->remove_if([](future_node& n) { return n.number == 2; }); found != nullptr) {
      ++found->taken_back;
      found->number = -1;  // as if it were freed: nobody else may touch it
    }
  }
  void after() {
    RL_ASSERT(nodes[0]->delivered == 1);
    RL_ASSERT(nodes[1]->delivered + nodes[1]->taken_back == 1);
    future_model::after();
  }
};

/// Its loop closes: what waits is dropped, or was taken back by its owner, or finds out and does not wait.
struct forsaken : future_model<forsaken, 3> {
  bool added = false;
  void before() {
    added = false;
    future_model::before();
    RL_ASSERT(future->add(*nodes[0]));
  }
  void thread(unsigned who) {
    if (who == 0) {
      future->close();
    } else if (who == 1) {
      if (future->remove(*nodes[0])) ++nodes[0]->taken_back;
    } else {
      added = future->add_unless_forsaken(*nodes[1]);
    }
  }
  void after() {
    RL_ASSERT(nodes[0]->dropped + nodes[0]->taken_back == 1);
    RL_ASSERT(nodes[1]->dropped == (added ? 1 : 0));
    future_model::after();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<awaited>("future: a wait against the end", 4), scenario<setters>("future: three who end it"),
              scenario<cancelled_waiter>("future: a wait, its cancel and the end"),
              scenario<circle<met::itself>>("future: a task that waits for itself, and the end"),
              scenario<circle<met::turned_back>>("future: a request that its receiver turns back, and the end"),
              scenario<closed_circle<met::itself>>("future: a task that waits for itself"),
              scenario<closed_circle<met::turned_back>>("future: a request that its receiver turns back"),
              scenario<wait_with_care>("future: a park that is taken back, a cancel and the end"),
              scenario<too_late<false>>("future: a cancel that comes too late for what is awaited"),
              scenario<too_late<true>>("future: the same, and another cancel of that"),
              scenario<taken_before>("future: a cancel that was taken, and one that comes too late"),
              scenario<beside>("future: who waits beside gets no cancel"),
              scenario<callbacks>("future: callbacks against the end"),
              scenario<forsaken>("future: waiters against a loop that closes")});
}
