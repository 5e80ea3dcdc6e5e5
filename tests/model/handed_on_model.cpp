// SPDX-License-Identifier: BSL-1.0
// Model of a cancel that a waiting task hands on to the task it awaits, which is the parent of a fork-join and runs to its
// end, while somebody else cancels that task, too: what one canceller takes off the word, to give it to the children, may be
// the request of both.
#include <core/task_protocol.hpp>
#include <gyre/core/completion.hpp>
#include <gyre/core/join_protocol.hpp>

#include <array>
#include <memory>

#include "model_join.hpp"
#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;
using step = model_task::word::cancel_step;
using attempt = model_task::word::attempt;
constexpr auto anybody = model_task::bits::cancel_requested;

struct end_of_task;

/// As task_core: it waits for a future, or is inside a fork-join.
struct chained_task : model_task {
  using model_task::model_task;
  end_of_task* waits_for = nullptr;
  block::place join{nullptr};
  /// Gives a request to what it awaits. Null: nobody is cancelled before he waits.
  bool (*ask_awaited)() = nullptr;
  word::wait_kind pass_cancel_on(end_of_task&) {
    if (ask_awaited == nullptr) return word::wait_kind::forwarding;
    return detail::pass_on_before_wait(state, ask_awaited, [] { return false; });
  }
};

struct end_node : detail::list_link<> {
  chained_task* task = nullptr;
};

/// What the waiters await: the end of a task, which gives a value.
struct end_of_task : detail::basic_completion<end_node, model_policy> {
  using basic_completion::park_at;
  model_var<std::int32_t> back{detail::given_back::nothing};
  [[nodiscard]] detail::given_back gives_back() const { return detail::given_back{back}; }
  /// As own_task::settle.
  void end(model_task& t) {
    back = model_task::word::missed_requests(t.state.finish()).at;
    RL_ASSERT(settle_with(status::finished, [this](end_node& n) { n.task->wake(gives_back()); }));
  }
};

/// The parent runs a gather of one child and ends; waiters await its end.
struct world {
  model_barriers barriers;
  block gather;
  model_task child;
  model_task sibling;  // it goes on when the child fails
  chained_task parent;
  end_of_task end;
  std::array<chained_task, 2> waiters;
  std::array<end_node, 2> nodes;
  int taken_by_parent = 0;        // as its cancel, from the word
  bool ended_by_gather = false;   // or as the gather's end
  std::array<bool, 4> given{};    // a child got a request from that thread
  std::array<bool, 4> counted{};  // the parent got one
  bool has_sibling = false;

  world() { gather.fill(); }
  /// As the start of a gather.
  void open() {
    gather.open(parent.join);
    if (!parent.state.cancel_pending()) return;
    detail::pinned_join<block> none;
    static_cast<void>(detail::pass_to_children<model_policy>(
        parent, none, [this] { return parent.state.take_for_children(); },
        [this](block&) { return cancel_children(0); }));
  }
  bool cancel_children(unsigned who) {
    const bool first = cancel_child(child, who);
    return (has_sibling && cancel_child(sibling, who)) || first;
  }
  bool cancel_child(model_task& each, unsigned who) {
    const auto how = each.state.request_cancel();
    if (how == step::claimed) each.enqueue(each);
    if (how != step::refused) given[who] = true;
    return how != step::refused;
  }
  void wait(std::size_t i) {
    nodes[i].task = &waiters[i];
    detail::await_completion(waiters[i], end, [&](model_task::word::wait_kind kind) {
      return end.park_at(nodes[i], [&] {
        waiters[i].waits_for = &end;
        return waiters[i].state.park(kind);
      });
    });
  }

  /// As the end of a gather, then that of the task. `Fails`: the child does, and the task goes on after that.
  void run_parent(bool fails) {
    const bool child_cancelled = child.state.cancel_pending();
    child.state.finish();
    bool asked = false;
    if (fails) {
      if (gather.close_after_failure(parent.join, false)) parent.state.note_taken();
      take();
      gather.leave();
      end.end(parent);
      return;
    }
    if (child_cancelled) {
      asked = gather.close_after_failure(parent.join, true);
    } else if (gather.close(parent.join)) {
      take();
      gather.recycle();
      end.end(parent);
      return;
    } else {
      asked = gather.take_requests();
    }
    if (asked) parent.state.note_taken();
    ended_by_gather = !take() && (asked || child_cancelled);
    gather.leave();
    end.end(parent);
  }
  bool take() {
    const bool took = parent.state.take_cancel();
    if (took) ++taken_by_parent;
    return took;
  }
};

class no_future {
 public:
  static no_future share(end_of_task& f) { return no_future(&f); }
  no_future() = default;
  [[nodiscard]] end_of_task* get() const { return future_; }

 private:
  explicit no_future(end_of_task* f) : future_(f) {}
  end_of_task* future_ = nullptr;
};

/// What task_core.cpp says of cancels, where no circles and no deep chains are.
struct plain_traits {
  using future_ref = no_future;
  static void wait_was_ended(chained_task& t) { t.enqueue(t); }
  static bool comes_from(chained_task&) { return false; }
  static bool leave_cycle(chained_task&, end_of_task&, model_task::bits::word) { return false; }
  static bool put_off(chained_task&) { return false; }
};

/// Of the parent: thread `Who` asks, for a waiter that hands its request on, or for nobody who waits.
template <unsigned Who, int Asker>
struct cancel_of_parent : plain_traits {
  using block_ref = detail::pinned_join<block>;
  static world*& all() {
    static world* the_one = nullptr;
    return the_one;
  }
  static attempt request(chained_task& t, bool again, model_task::bits::word who) {
    if (Asker < 0) return t.state.ask_cancel(again, who);
    return detail::request_for(all()->waiters[Asker], all()->end, t.state, again, who);
  }
  static attempt repeat(chained_task& t, model_task::bits::word who) { return request(t, true, who); }
  static bool hands_on() { return Asker >= 0; }
  static bool delivers_itself(const chained_task&) { return false; }
  static detail::passed_on cancel_future(chained_task&, end_of_task&, int) { return detail::passed_on::refused; }
  static block_ref ask_gather(chained_task& t, const block_ref& declined, model_task::bits::word who,
                              std::uint16_t noted_at) {
    return detail::ask_gather<model_policy>(t, declined, [&] {
      if (Asker < 0) return t.state.withdraw_request(who, noted_at);
      return detail::take_in_hand(all()->waiters[Asker], all()->end, t.state, who, noted_at);
    });
  }
  static bool cancel_children(chained_task&, block&, int) { return all()->cancel_children(Who); }
  static bool run() {
    chained_task& parent = all()->parent;
    const attempt found = request(parent, false, anybody);
    all()->counted[Who] = found.step != step::refused;
    return detail::deliver_cancel<cancel_of_parent>(parent, found, 0, anybody);
  }
};

template <unsigned Who, int I>
struct cancel_of_waiter : plain_traits {
  using block_ref = detail::pinned_join<block>;
  static attempt repeat(chained_task& t, model_task::bits::word who) { return t.state.ask_cancel(true, who); }
  static bool hands_on() { return false; }
  static bool delivers_itself(const chained_task&) { return true; }
  static block_ref ask_gather(chained_task&, const block_ref&, model_task::bits::word, std::uint16_t) { return {}; }
  static bool cancel_children(chained_task&, block&, int) { return false; }
  static detail::passed_on cancel_future(chained_task&, end_of_task&, int) {
    return cancel_of_parent<Who, I>::run() ? detail::passed_on::taken : detail::passed_on::refused;
  }
  static void run() {
    chained_task& t = cancel_of_parent<Who, I>::all()->waiters[I];
    RL_ASSERT(detail::deliver_cancel<cancel_of_waiter>(t, t.state.ask_cancel(false, anybody), 0, anybody));
  }
};

/// A task whose gather ends goes on to await another task, and passes on a request that it has by then; its canceller may just
/// have that in hand, for the gather. One request, one place.
struct passing_on : rl::test_suite<passing_on, 2> {
  struct state {
    model_barriers barriers;
    block gather;
    model_task child;
    chained_task task;
    model_task next;  // what it awaits then
    end_of_task end;
    end_node node;
    bool given = false;  // the child got the request
    int thrown = 0;
  };
  static passing_on*& all() {
    static passing_on* the_one = nullptr;
    return the_one;
  }
  std::unique_ptr<state> world;

  struct traits {
    using future_ref = no_future;
    using block_ref = detail::pinned_join<block>;
    static void wait_was_ended(chained_task& t) { t.enqueue(t); }
    static bool comes_from(chained_task&) { return false; }
    static bool leave_cycle(chained_task&, end_of_task&, model_task::bits::word) { return false; }
    static bool put_off(chained_task&) { return false; }
    static bool hands_on() { return false; }
    static bool delivers_itself(const chained_task&) { return false; }
    static attempt repeat(chained_task& t, model_task::bits::word who) { return t.state.ask_cancel(true, who); }
    static detail::passed_on cancel_future(chained_task&, end_of_task&, int) {
      return all()->ask_next() ? detail::passed_on::taken : detail::passed_on::refused;
    }
    static block_ref ask_gather(chained_task& t, const block_ref& declined, model_task::bits::word who,
                                std::uint16_t noted_at) {
      return detail::ask_gather<model_policy>(t, declined, [&] { return t.state.withdraw_request(who, noted_at); });
    }
    static bool cancel_children(chained_task&, block&, int) {
      model_task& child = all()->world->child;
      const bool made = child.state.request_cancel() != step::refused;
      if (made) all()->world->given = true;
      return made;
    }
  };

  bool ask_next() {
    return detail::request_for(world->task, world->end, world->next.state, false, anybody).step != step::refused;
  }
  void before() {
    all() = this;
    world = std::make_unique<state>();
    world->task.ask_awaited = [] { return all()->ask_next(); };
    world->gather.fill();
    world->gather.open(world->task.join);
  }
  void run_task() {
    chained_task& t = world->task;
    const bool child_cancelled = world->child.state.cancel_pending();
    world->child.state.finish();
    bool asked = false;
    if (child_cancelled) {
      asked = world->gather.close_after_failure(t.join, true);
      world->gather.leave();
    } else if (world->gather.close(t.join)) {
      world->gather.recycle();
    } else {
      asked = world->gather.take_requests();
      world->gather.leave();
    }
    if (asked) t.state.note_taken();
    if (t.state.take_cancel() || asked || child_cancelled) ++world->thrown;
    world->node.task = &t;
    detail::await_completion(t, world->end, [&](model_task::word::wait_kind kind) {
      return world->end.park_at(world->node, [&] {
        t.waits_for = &world->end;
        return t.state.park(kind);
      });
    });
  }
  void thread(unsigned who) {
    if (who == 0) return run_task();
    chained_task& t = world->task;
    RL_ASSERT(detail::deliver_cancel<traits>(t, t.state.ask_cancel(false, anybody), 0, anybody));
  }
  void after() {
    const int passed_on = static_cast<int>(world->next.state.cancelling());
    RL_ASSERT(world->thrown + passed_on <= 1);
    RL_ASSERT(world->thrown + passed_on == 1 || world->given);
    RL_ASSERT(world->gather.is_free());
    world.reset();
  }
};

/// Thread 0 runs the parent, thread 1 cancels the first waiter; thread 2 cancels the parent, the second waiter, the first one
/// too, or nobody. The request of a waiter comes out of the parent as its cancel, or back to the waiter; where the child fails it
/// may have ended there. One request comes to one place.
enum class rival { of_parent, of_other_waiter, of_same_waiter, none };
/// The child does well; it fails; it fails in a gather that begins when the parent has looked for requests.
enum class gathers { well, in_vain, late_and_in_vain };

template <rival Rival, gathers How = gathers::well>
struct cancellers : rl::test_suite<cancellers<Rival, How>, Rival == rival::of_parent || Rival == rival::none ? 3 : 4> {
  static constexpr bool fails = How != gathers::well;
  static constexpr std::size_t waiting = Rival == rival::of_other_waiter ? 2 : 1;
  static constexpr int requests = Rival == rival::none ? 1 : 2;
  std::unique_ptr<world> all;
  std::array<int, 2> thrown{};

  void before() {
    thrown = {};
    all = std::make_unique<world>();
    all->has_sibling = fails;
    if (How != gathers::late_and_in_vain) all->open();
    cancel_of_parent<1, 0>::all() = cancel_of_parent<2, -1>::all() = all.get();
    cancel_of_parent<2, 0>::all() = cancel_of_parent<2, 1>::all() = all.get();
    for (std::size_t i = 0; i < waiting; ++i) all->wait(i);
  }
  /// At once: what comes later comes twice.
  void go_on(std::size_t i) {
    all->waiters[i].next_step();
    RL_ASSERT(all->end.done());
    thrown[i] += all->waiters[i].state.take_cancel() ? 1 : 0;
  }
  void run_parent() {
    if (How == gathers::late_and_in_vain) {
      all->take();
      all->open();
    }
    all->run_parent(fails);
  }
  void thread(unsigned who) {
    if (who == 0) return run_parent();
    if (who == 1) return cancel_of_waiter<1, 0>::run();
    if (who == 3 || Rival == rival::none) return go_on(waiting - 1);
    if (Rival == rival::of_parent) {
      const bool made = cancel_of_parent<2, -1>::run();
      RL_ASSERT(made == all->counted[2]);  // also one that came too late
    }
    if (Rival == rival::of_other_waiter) cancel_of_waiter<2, 1>::run();
    if (Rival == rival::of_same_waiter) cancel_of_waiter<2, 0>::run();
  }
  void after() {
    if (Rival == rival::of_parent || Rival == rival::of_other_waiter) go_on(0);
    const int given = all->given[0] + all->given[1] + all->given[2];
    int places = all->taken_by_parent + given + (all->ended_by_gather && given == 0 ? 1 : 0);
    for (std::size_t i = 0; i < waiting; ++i) {
      model_task& w = all->waiters[i];
      thrown[i] += w.state.take_cancel() ? 1 : 0;
      RL_ASSERT(w.steps == 1);
      const bool ended_there =
          fails && (all->given[0] || all->given[1 + i] || (Rival == rival::of_same_waiter && all->given[2]));
      RL_ASSERT(thrown[i] >= 1 || all->taken_by_parent > 0 || all->ended_by_gather || ended_there);
      places += thrown[i];
    }
    RL_ASSERT(places <= requests);
    RL_ASSERT(all->gather.is_free());
    all.reset();
  }
};

}  // namespace

int main(int argc, char** argv) {
  using enum gathers;
  return run(
      argc, argv,
      {scenario<passing_on>("handed on: before a wait, while its canceller has it in hand"),
       scenario<cancellers<rival::none, in_vain>>("handed on: to one whose gather fails"),
       scenario<cancellers<rival::none, late_and_in_vain>>("handed on: to one that begins a gather, which fails"),
       scenario<cancellers<rival::of_parent, in_vain>>("handed on: to one whose gather fails, cancelled by another"),
       scenario<cancellers<rival::of_parent, late_and_in_vain>>(
           "handed on: to one that begins a gather, which fails, cancelled by another"),
       scenario<cancellers<rival::of_parent>>("handed on: the awaited task is cancelled, too"),
       scenario<cancellers<rival::of_other_waiter>>("handed on: by two who wait", 1),
       scenario<cancellers<rival::of_same_waiter>>("handed on: twice by one who waits", 1)});
}
