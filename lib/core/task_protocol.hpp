// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a task waits for a future, and the way of a cancel request through what the task waits for. Over the types of task,
// future and block, so that the model checker runs the same steps (tests/model).  Layer: core.
#include <gyre/base/relax.hpp>
#include <gyre/core/task_bits.hpp>

#include <cstdint>
#include <utility>

namespace gyre::detail {

/// Parks the running task until `awaited` is done; done already, the task goes to the end of its loop's queue.
///
/// A request for a task that waits is handed on to what it waits for. If that is a task in its last step, which does not
/// look any more, the request comes back with its end: it is neither lost, nor does it take the result of that task away.
///
///   canceller (request_for)                      awaited task                    its waiter
///   H1 locks the awaited future                  T1 takes its requests:          W1 resumes: throws
///   H2 a request in the awaited task's word         `taken` in its word grows       what came back
///   H3 handed_on in the waiter's, with `taken`   D1 finish(): finds `taken`
///      as H2 found it                            D2 locks the future, ends it
///                                                D3 claim(): handed_on, with
///                                                   `taken` as D1 found it, has
///                                                   ended the wait
///
/// The mark `handed_on` is the request: whoever clears it has that, D3 for the waiter, or the canceller by take_in_hand(), who
/// then gives it to a fork-join (pass_to_children), or brings it back to the waiter himself when the task has ended.
///
/// Proof:  H2 comes before D1, or is refused: then the canceller has the request. What a T1 has taken was found with less than
///         D1 finds. What none has taken was found with just that, be it still in the word, or off it in the hands of another
///         canceller: he has a request of his own, and gives that to the fork-join. H1 comes before D2, which waits: D3 sees H3,
///         and H4 comes before D3, or leaves all as it is. H2 that ends a wait, or finds a word that forwards it, will be taken,
///         or is there no more: it needs no mark.
///         Numbers meet again when a task has taken requests 65,536 times while one and the same waits for it.
///
/// Shape:   park(kind) links the task's node and parks it, under the future's lock: see basic_completion::park_at.
template <class Task, class Future, class Park>
void await_completion(Task& t, Future& awaited, Park park) {
  using wait_kind = typename decltype(t.state)::wait_kind;
  using outcome = decltype(park(wait_kind::forwarding));
  auto kind = wait_kind::forwarding;
  outcome tried = outcome::refused;
  while (tried == outcome::refused) {  // a cancel came from another thread meanwhile: pass it on first
    if (t.state.cancel_pending() && kind == wait_kind::forwarding) [[unlikely]] {
      kind = t.pass_cancel_on(awaited);
      if (kind == wait_kind::leaf) break;  // it comes back: the task itself takes it
    }
    tried = park(kind);
  }
  if (tried == outcome::parked) [[likely]]
    return;
  t.state.end_handing_on(tried == outcome::done ? awaited.gives_back() : given_back());
  t.state.yield();
  t.at().enqueue(t);
}

/// Counts or repeats a request that `asker` hands on to the task behind `state`, which produces what it awaits.
template <class Task, class Future, class State, class Word>
[[nodiscard]] auto request_for(Task& asker, Future& awaited, State& state, bool again, Word who) {
  using step = typename State::cancel_step;
  for (backoff pause;; pause.once()) {
    const auto tried = awaited.hold_while([&] {                                           // H1
      const auto made = state.try_request(again, who);                                    // H2
      if (made.made && made.step == step::noted) asker.state.note_handed_on(made.taken);  // H3
      return made;
    });
    if (tried.made) return tried;
  }
}

/// Takes a request of `asker` off the word of the task behind `state`, which noted it at the number `taken`, and those of others
/// with it. False: it is not there, or the task has ended; what is to be done for it, others do.
template <class Task, class Future, class State, class Word>
[[nodiscard]] bool take_in_hand(Task& asker, Future& awaited, State& state, Word who, std::uint16_t taken) {
  return awaited.hold_while([&] {
    if (awaited.done() || !asker.state.has_handed_on(taken) || !state.withdraw_request(who, taken)) return false;
    asker.state.take_handed_on();  // H4
    return true;
  });
}

/// Passes a cancel that task `t` has for its next suspension to the future that it is about to wait for: `cancel()` is that.
///
/// The request is in the word meanwhile, and yet goes nowhere else. Only a canceller who holds the block of the task's last gather
/// could take it off (pass_to_children, C1). He noted it before that gather was over; so its end has taken it, and what is in
/// the word now has another number, or C1 came first, and it is not this one.
template <class State, class Cancel, class CameBack>
[[nodiscard]] typename State::wait_kind pass_on_before_wait(State& state, Cancel cancel, CameBack came_back) {
  const bool taken = cancel();
  if (came_back()) return State::wait_kind::leaf;
  if (!taken) return State::wait_kind::forwarding_refused;
  state.hand_on();
  return State::wait_kind::forwarding;
}

/// How a task came out of a circle of awaits.
enum class circle_end {
  over,   // its wait had ended
  noted,  // nobody will end what it waits for, as its loop closes: the request stays
  left,   // the cancel has ended the wait: the caller queues the task
};

/// A task waits for `awaited`, which waits for the task by some way. Its word is locked: it stays where it is. `mine` knows
/// its node.
template <class State, class Future, class Mine>
[[nodiscard]] circle_end leave_circle(State& state, Future& awaited, Mine mine, typename State::word who) {
  if (awaited.remove_if(mine) != nullptr) {
    state.unlock_and_claim();
    return circle_end::left;
  }
  if (!awaited.done()) {
    state.unlock_and_note(who);
    return circle_end::noted;
  }
  state.unlock();
  return circle_end::over;
}

/// The steps C1 to C3 of pass_to_children(), up to the children: the fork-join that they belong to, or null, if the request is
/// where it belongs.
template <class Policy, class Task, class Block, class Take>
[[nodiscard]] Block ask_gather(Task& t, const Block& declined, Take take) {
  Policy::heavy_barrier();  // against the gather that stores `join` and then looks for a request: basic_join::open
  Block block(t.join);
  if (!block || block == declined) return {};
  if (!take()) return {};  // C1; if it was gone, others see to it
  block->ask();            // C2
  return block;
}

/// No child has accepted. True: the caller has the request again, and the block is `declined` from now on.
template <class Block>
[[nodiscard]] bool take_back(Block& asked, Block& declined) {
  declined = std::move(asked);
  return declined->take_request();  // C4
}

/// `t` was asked to end while it runs or is ready. If it is inside a fork-join, the request goes to its children, and the
/// gather ends with what comes of that. True: the request is where it belongs. False: nobody has it; `declined`, which may
/// be the fork-join of an earlier try, did not take it.
///
///   canceller                                   parent (basic_join)
///   C1 takes the request off the word           J1 join = null
///   C2 block.cancel_requests += 1               J2 block.cancel_requests != 0 -> 0, throws
///   C3 cancels the children; one at least
///      accepts: done
///   C4 else block.cancel_requests -= 1, if it
///      is not 0
///
/// C1 comes first so that a later request of somebody else cannot be taken for this one: `take` is that, and fails where the
/// task has taken this one. It leaves those of others: a scope must find its own in the word, or gone. Those asked for in the
/// same way go along, and their cancellers find nothing. When no child accepts, C4 that counts down has the request, and else
/// J2 has it. One C4 may count for another; each of them asked before J1, and what J2 throws is for both.
/// No barrier and no second look at `join` stand between C2 and C3: the gather may be over. Its children do not accept then, or
/// are those that a failed one has left: the request has come before the failure. A J2 that misses C2 leaves it to C3 and C4.
/// A parent resumed by an error of a child's own leaves out J2: what is with the children has come to an end there, and what is
/// not comes back by C4.
template <class Policy, class Task, class Block, class Take, class CancelChildren>
bool pass_to_children(Task& t, Block& declined, Take take, CancelChildren cancel_children) {
  Block asked = ask_gather<Policy>(t, declined, take);
  if (!asked || cancel_children(*asked)) return true;
  return !take_back(asked, declined);
}

/// What came of a request that was given to a future.
enum class passed_on {
  taken,
  refused,
  turned_back,  // it came back to a task whose children were getting it: who gave it to the future is in a circle
};

/// Where a cancel request goes that `found` was the word's answer to. Traits says what a request does with futures, with
/// blocks of fork-joins and with circles of tasks; see task_core.cpp. `who` asks. Where it goes to the children of a fork-join
/// the caller sees to that, so that it need not be by recursion.
template <class Traits, class Task, class Attempt, class Word>
class cancel_delivery {
 public:
  enum class answer : std::uint8_t { refused, accepted, ask_children };

  cancel_delivery(Task& t, Attempt found, Word who) : task_(&t), found_(found), who_(who) {}

  [[nodiscard]] Task& task() const noexcept { return *task_; }
  /// The block whose children are to be asked.
  [[nodiscard]] auto& gather() const noexcept { return *asked_; }

  /// Refused: the task is done, and the caller has the request: it was done before, or the caller hands on what is another's.
  /// Else a request that comes back here when the task is done came too late, as one does that is in the word at the end: it
  /// has been counted.
  template <class Text>
  [[nodiscard]] answer go_on(Text text) {
    using Step = decltype(found_.step);
    for (;; repeat()) {
      switch (found_.step) {
        case Step::refused:
          return counted_ && !Traits::hands_on() ? answer::accepted : answer::refused;
        case Step::claimed:
          Traits::wait_was_ended(*task_);
          return answer::accepted;
        case Step::forwarded:
          if (pass_to_future(text)) return answer::accepted;
          break;
        case Step::noted:
          if (Traits::delivers_itself(*task_)) return answer::accepted;
          asked_ = Traits::ask_gather(*task_, declined_, who_, found_.taken);
          return asked_ ? answer::ask_children : answer::accepted;
      }
    }
  }

  /// After ask_children: whether one of them has accepted.
  template <class Text>
  [[nodiscard]] answer children_said(bool any, Text text) {
    if (any || !take_back(asked_, declined_)) return answer::accepted;
    repeat();
    return go_on(text);
  }

 private:
  void repeat() {
    found_ = Traits::repeat(*task_, who_);
    counted_ = true;
  }
  // The word is locked. True: the request is where it belongs.
  template <class Text>
  [[nodiscard]] bool pass_to_future(Text text) {
    Task& t = *task_;
    auto& target = *t.waits_for;
    if (&target == refused_.get() && !round_) {
      t.state.unlock_and_note(who_);
      return true;
    }
    round_ = round_ && &target == refused_.get();
    auto held = Traits::future_ref::share(target);
    if (round_ || Traits::comes_from(t)) {
      if (Traits::leave_cycle(t, target, who_)) return true;
      round_ = false;
      refused_ = std::move(held);  // it has just ended: the wake-up is on its way
      return false;
    }
    t.state.unlock();
    if (Traits::put_off(t)) return true;
    refused_ = std::move(held);
    const passed_on how = Traits::cancel_future(t, target, text);
    round_ = how == passed_on::turned_back;
    return how == passed_on::taken;
  }

  Task* task_;
  Attempt found_;
  Word who_;
  typename Traits::future_ref refused_;  // what the request went to in vain: it goes on from there
  typename Traits::block_ref declined_;
  typename Traits::block_ref asked_;
  bool round_ = false;  // because it came from there
  bool counted_ = false;
};

/// The whole way. False: see cancel_delivery::go_on().
template <class Traits, class Task, class Attempt, class Text, class Word>
bool deliver_cancel(Task& t, Attempt found, Text text, Word who) {
  cancel_delivery<Traits, Task, Attempt, Word> at(t, found, who);
  using answer = typename decltype(at)::answer;
  answer said = at.go_on(text);
  while (said == answer::ask_children) said = at.children_said(Traits::cancel_children(t, at.gather(), text), text);
  return said == answer::accepted;
}

}  // namespace gyre::detail
