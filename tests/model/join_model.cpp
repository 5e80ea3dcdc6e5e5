// SPDX-License-Identifier: BSL-1.0
// Model of a fork-join: debts of children that thieves took, blocks that outsiders hold while they are used again, a cancel
// that meets the end of the gather, and records of children that end.
#include <core/task_protocol.hpp>
#include <gyre/base/steal_deque.hpp>
#include <gyre/core/join_protocol.hpp>
#include <gyre/flow/fork_debts.hpp>
#include <gyre/flow/shown_record.hpp>

#include <array>
#include <memory>

#include "model_join.hpp"
#include "model_task.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

// --- who continues the parent ----------------------------------------------------------------------------------------

struct child {
  model_var<std::uint32_t> debt{1};
  model_var<int> result{0};
};
using deque = detail::steal_deque<child, model_policy>;
using debts = detail::basic_fork_debts<child, model_policy>;

/// Thread 0 starts three children; the others are thieves. `Failing`: that child ends with an error. `Changed`: that one is not
/// as it was made when it ends, so that the block must not be used again as it is.
template <class Derived, int Threads, int Failing, int Changed = -1>
struct debt_model : rl::test_suite<Derived, Threads> {
  static constexpr std::size_t count = 3;
  struct state {
    model_barriers barriers;
    debts ledger{count};
    deque forks{4};
    std::array<child, count> children;
    model_var<int> block{1};  // 0: freed
    gyre_model::block gather;
    gyre_model::block::place join{nullptr};
  };
  std::unique_ptr<state> world;
  int resumed = 0;
  int freed = 0;

  void before() {
    resumed = freed = 0;
    world = std::make_unique<state>();
    world->gather.fill();
    world->gather.open(world->join);
  }
  void after() {
    RL_ASSERT(resumed == 1 && freed == 1);
    world.reset();
  }

  [[nodiscard]] bool fails(const child& c) const { return &c - world->children.data() == Failing; }
  void free_block() {
    RL_ASSERT(world->block == 1);
    world->block = 0;
    ++freed;
  }
  void continue_parent() {
    ++resumed;
    if (child* failed = world->ledger.failed(); failed != nullptr) {
      RL_ASSERT(fails(*failed) && failed->result == 1);
      if (world->ledger.settle_for_failed()) free_block();
      return;
    }
    for (child& each : world->children) RL_ASSERT(each.result == 1);
    const bool quiet = world->gather.close(world->join);
    RL_ASSERT(!quiet || Changed < 0);
    if (!quiet) world->gather.leave();
    free_block();
  }
  /// As fork_block::child_ended, from one child to the next.
  void run(child* c, bool owner) {
    while (c != nullptr) {
      RL_ASSERT(world->block == 1);
      c->result = 1;
      if (c - world->children.data() == Changed) world->gather.touch();
      c = ended(*c, owner);
    }
  }
  /// Returns the sibling that runs next.
  child* ended(child& c, bool owner) {
    debts& ledger = world->ledger;
    if ((fails(c) && ledger.fail(c)) || ledger.owes_all(c)) {
      continue_parent();
      return nullptr;
    }
    if (child* sibling = owner ? world->forks.pop() : nullptr; sibling != nullptr) {
      debts::hand_on(c, *sibling);
      return sibling;
    }
    const auto next = ledger.settle(c);
    if (next == debts::step::parent) continue_parent();
    if (next == debts::step::free_block) free_block();
    return nullptr;
  }
  void thread(unsigned who) {
    if (who != 0) {
      run(world->forks.steal(), false);
      return;
    }
    for (std::size_t i = count; i-- > 1;) world->forks.push(&world->children[i]);
    run(world->children.data(), true);
    // What the gather left behind when a child failed at once.
    for (child* left = world->forks.pop(); left != nullptr; left = world->forks.pop()) run(left, true);
  }
};

struct all_good : debt_model<all_good, 3, -1> {};
struct first_fails : debt_model<first_fails, 3, 0> {};
struct last_fails : debt_model<last_fails, 3, 2> {};
struct first_changed : debt_model<first_changed, 3, -1, 0> {};
struct last_changed : debt_model<last_changed, 3, -1, 2> {};

/// An outsider with a stale pointer counts itself in and out of a block that a child changes.
struct changed_and_asked : debt_model<changed_and_asked, 3, -1, 2> {
  void thread(unsigned who) {
    if (who != 2) return debt_model::thread(who);
    if (const detail::pinned_join<gyre_model::block> held(world->join); held) RL_ASSERT(held->content == 1);
  }
};

// --- blocks that outsiders hold ----------------------------------------------------------------------------------------

/// A parent whose gathers come and go, and outsiders that look at the one that it is in. `Again`: the second gather gets the
/// block of the first one, if that is free.
template <bool Again>
struct pinned : rl::test_suite<pinned<Again>, 3> {
  struct state {
    model_barriers barriers;
    block::place join{nullptr};
    std::array<block, 2> blocks;
  };
  std::unique_ptr<state> world;

  void before() { world = std::make_unique<state>(); }
  void after() {
    for (block& each : world->blocks) RL_ASSERT(each.is_free() && each.pins().load(std::memory_order_relaxed) == 0);
    world.reset();
  }
  void thread(unsigned who) {
    if (who != 0) {
      const detail::pinned_join<block> held(world->join);
      if (held) {
        RL_ASSERT(held->content == 1);
        held->trace.store(1, std::memory_order_relaxed);
      }
      return;
    }
    for (int i = 0; i < 2; ++i) {
      block& b = world->blocks[Again && world->blocks[0].is_free() ? 0 : i];
      b.fill();
      b.open(world->join);
      if (i != 0) {
        b.hide(world->join);  // as a loop that closes
        b.leave();
      } else if (b.close(world->join)) {
        b.recycle();
      } else {
        b.leave();
      }
    }
  }
};

// --- a cancel against the end of the gather ------------------------------------------------------------------------------

struct parent_task : model_task {
  block::place join{nullptr};
};

/// Thread 0 runs a gather of one child and goes on; the others cancel. A request ends the child, or the gather, or stays
/// with the parent: never two of these for one request, never none.
template <class Derived, int Threads>
struct cancel_model : rl::test_suite<Derived, Threads> {
  using bits = model_task::bits;
  struct state {
    model_barriers barriers;
    block gather;
    parent_task parent;
    model_task child;
    model_signal asked;
    model_var<int> reason{0};  // of the only canceller
  };
  std::unique_ptr<state> world;
  bool delivered = false;

  void before() {
    delivered = false;
    world = std::make_unique<state>();
    world->gather.fill();
  }
  void after() {
    const bool kept = world->parent.state.take_cancel();
    if (Threads == 2) RL_ASSERT(delivered != kept);
    RL_ASSERT(delivered || kept);
    RL_ASSERT(world->gather.is_free());
    world.reset();
  }

  /// As task_core::cancel_from for a task that runs.
  template <class Take>
  void cancel_children(detail::pinned_join<block>& declined, Take take, bool& done) {
    done = detail::pass_to_children<model_policy>(world->parent, declined, take, [this](block&) {
      const auto how = world->child.state.request_cancel();
      if (how == model_task::word::cancel_step::claimed) world->child.enqueue(world->child);
      return how != model_task::word::cancel_step::refused;
    });
  }
  void cancel(bits::word who = bits::cancel_requested) {
    if (Threads == 2) world->reason = 1;
    detail::pinned_join<block> declined;
    model_task::word& asked = world->parent.state;
    auto found = asked.ask_cancel(false, who);
    const auto take = [&] { return asked.withdraw_request(who, found.taken); };
    for (bool done = false; !done && found.step == model_task::word::cancel_step::noted;) {
      cancel_children(declined, take, done);
      if (!done) found = asked.ask_cancel(true, who);
    }
  }
  void open_gather() {
    world->gather.open(world->parent.join);
    if (!world->parent.state.cancel_pending()) return;
    detail::pinned_join<block> none;
    bool done = false;
    cancel_children(none, [this] { return world->parent.state.take_for_children(); }, done);
  }
  void run_gather() {
    block& gather = world->gather;
    parent_task& parent = world->parent;
    open_gather();
    const bool child_cancelled = world->child.state.cancel_pending();
    world->child.state.finish();
    bool asked = false;
    if (child_cancelled) {
      gather.close_after_failure(parent.join, true);
    } else if (gather.close(parent.join)) {
      delivered = parent.state.take_cancel();
      gather.recycle();
      return;
    } else {
      asked = gather.take_requests();
      if (asked && Threads == 2) RL_ASSERT(world->reason == 1);  // the gather ends with it
    }
    delivered = parent.state.take_cancel() || asked || child_cancelled;
    gather.leave();
  }
  void thread(unsigned who) {
    if (who == 0) {
      run_gather();
    } else {
      cancel();
    }
  }
};

struct one_cancel : cancel_model<one_cancel, 2> {};
struct two_cancels : cancel_model<two_cancels, 3> {};

/// The child waits, and only a cancel ends that: it must come to it, from the canceller or from the gather that begins.
struct endless_child : cancel_model<endless_child, 2> {
  void thread(unsigned who) {
    if (who == 1) {
      cancel();
      return;
    }
    model_task& child = world->child;
    open_gather();
    child.leave(child.park_or_yield());
    child.next_step();
    RL_ASSERT(child.state.take_cancel() && world->reason == 1);
    child.state.finish();
    world->gather.close_after_failure(world->parent.join, true);
    delivered = true;
    world->gather.leave();
  }
};

/// The child fails by itself, which is no answer to the request: that has reached the child before its end, or stays.
struct error_against_cancel : cancel_model<error_against_cancel, 2> {
  void thread(unsigned who) {
    if (who == 1) {
      cancel();
      return;
    }
    open_gather();
    delivered = (world->child.state.finish() & bits::requests) != 0;
    world->gather.close_after_failure(world->parent.join, false);
    world->gather.leave();
  }
};

/// One of two cancels is a scope's, which the parent leaves after the gather: the other one stays, if it was not delivered.
struct scope_and_user : cancel_model<scope_and_user, 3> {
  void thread(unsigned who) {
    if (who == 0) {
      run_gather();
      world->asked.wait();
      static_cast<void>(world->parent.state.uncancel(bits::one_scope));
      RL_ASSERT(!world->parent.state.is_asked_by(bits::one_scope));
    } else if (who == 1) {
      cancel(bits::one_scope);
      world->asked.post();
    } else {
      cancel();
    }
  }
};

// --- the record of a child --------------------------------------------------------------------------------------------

struct record {
  model_atomic<int> references{1};
  model_var<int> told{0};
  bool gone = false;

  void retain() { references.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) gone = true;
  }
};

/// A child ends while others ask for its handle: one record, told once, of what came out of the child. `Untouched`: it ends as
/// one that nobody has stopped or asked.
template <bool Untouched>
struct asked_at_end : rl::test_suite<asked_at_end<Untouched>, 3> {
  struct state {
    model_barriers barriers;
    model_lock guard;
    detail::basic_shown_record<record, model_policy> shown;
    model_task child;
    std::array<record, 2> records;
    model_var<int> outcome{0};
  };
  std::unique_ptr<state> world;
  std::array<record*, 2> got{};

  void before() {
    got = {};
    world = std::make_unique<state>();
  }
  void after() {
    int held = 0;
    for (record& each : world->records) {
      const bool shared = got[0] == &each || got[1] == &each;
      RL_ASSERT(!shared || each.told == 1);
      held += shared ? 1 : 0;
      if (got[0] == &each) each.release();
      if (got[1] == &each) each.release();
      RL_ASSERT(each.gone);
    }
    RL_ASSERT(held == 1 || (held == 2 && got[0] != got[1]));  // a second one only after the end of the first
    world.reset();
  }
  void tell(record* r) {
    if (r == nullptr) return;
    r->told = r->told + world->outcome;
    r->release();  // the child's
  }
  /// As record_of() in fork_join.cpp.
  record* ask(record& fresh) {
    if (record* known = world->shown.find(world->guard); known != nullptr) {
      fresh.release();
      return known;
    }
    if (record* known = world->shown.show(fresh, world->guard); known != nullptr) {
      fresh.release();
      return known;
    }
    if (world->child.state.is_done()) tell(world->shown.take(world->guard));
    return &fresh;
  }
  void thread(unsigned who) {
    if (who == 0) {
      world->outcome = 1;
      if constexpr (Untouched) {
        RL_ASSERT(world->child.state.is_untouched());
        world->child.state.finish_untouched();
      } else {
        world->child.state.finish();
      }
      if (world->shown.is_asked_at_end()) tell(world->shown.take(world->guard));  // S4
    } else {
      got[who - 1] = ask(world->records[who - 1]);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<all_good>("join: debts with two thieves"), scenario<first_fails>("join: the first child fails"),
              scenario<last_fails>("join: a stolen child fails"),
              scenario<first_changed>("join: the first child changes its block"),
              scenario<last_changed>("join: a stolen child changes its block"),
              scenario<changed_and_asked>("join: a child changes a block that an outsider counts"),
              scenario<pinned<true>>("join: a block that outsiders hold, used again"),
              scenario<pinned<false>>("join: blocks that outsiders hold"),
              scenario<one_cancel>("join: a cancel against the end of the gather", 4),
              scenario<two_cancels>("join: two cancels against the end of the gather"),
              scenario<endless_child>("join: a cancel while the gather begins"),
              scenario<error_against_cancel>("join: a cancel against an error", 3),
              scenario<scope_and_user>("join: a scope's cancel and another one against the end of the gather"),
              scenario<asked_at_end<false>>("join: records of a child that ends"),
              scenario<asked_at_end<true>>("join: records of a child that ends untouched")});
}
