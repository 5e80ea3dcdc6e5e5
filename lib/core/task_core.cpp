// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/failure_path.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/core/transfer.hpp>

#include <algorithm>
#include <core/deferred_cancels.hpp>
#include <core/task_protocol.hpp>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace gyre::detail {

using pinned_block = pinned_join<join_head>;

namespace {

// Guards the cancel messages of all tasks: they are rare and short.
spin_lock message_guard;

}  // namespace

void task_core::run_entry(runnable& r, fate f) noexcept {
  auto& t = static_cast<task_core&>(r);
  if (f == fate::runs) run_task(t, *this_thread().loop);
  // Dropped: the closing loop abandons its tasks by their registry, where this one is listed too.
}

void end_step() noexcept {
  thread_state& thread = this_thread();
  thread.current = nullptr;
  if (thread.failure) [[unlikely]]
    forget_path();
}

void run_task(task_core& t, home& here) noexcept {
  thread_state& thread = this_thread();
  thread.current = &t;
  t.move_to(here);
  trace(trace_event::step, t);
  if (t.state.begin()) [[unlikely]] {
    finish_unstarted(t);
  } else if (t.check == nullptr || t.check->may_resume(t)) {
    resume_chain(t.resume_point);
  }
  end_step();
}

void run_nested(task_core& t, home& here) noexcept {
  thread_state& thread = this_thread();
  const outer_step outer{thread.current, thread.outer};
  thread.outer = &outer;
  context_slot* const entered = std::exchange(thread.context, nullptr);
  run_task(t, here);
  this_thread().current = outer.task;
  this_thread().outer = outer.next;
  this_thread().context = entered;
}

namespace {

// Whether the code that runs on this thread is inside a step of `t`.
bool is_inside_step(const task_core& t) noexcept {
  const thread_state& thread = this_thread();
  if (thread.current == &t) return true;
  for (const outer_step* each = thread.outer; each != nullptr; each = each->next) {
    if (each->task == &t) return true;
  }
  return false;
}

}  // namespace

void finish_unstarted(task_core& t) noexcept {
  static_cast<void>(t.state.take_cancel());
  promise_base& body = t.innermost();
  body.slot->error = t.cancelled_end();
  resume_chain(t.type->finish(t, t.resume_point));
}

std::string task_core::message() const {
  const std::lock_guard hold(message_guard);
  const std::string* text = cancel_message_.load(std::memory_order_relaxed);
  return text == nullptr ? std::string() : *text;
}

std::exception_ptr task_core::cancelled_end() const noexcept {
  try {
    return cancelled_with(message());
  } catch (const std::bad_alloc&) {
    return cancelled_with({});
  }
}

// The last message before a delivery wins; but a wait that a cancel has ended keeps the message that ended it.
void task_core::note_message(std::string_view text) {
  auto fresh = text.empty() ? nullptr : std::make_unique<std::string>(text);
  const std::lock_guard hold(message_guard);
  if (state.wait_ended_by_cancel()) return;
  fresh.reset(cancel_message_.exchange(fresh.release(), std::memory_order_relaxed));
}

void task_core::throw_cancelled() { throw cancelled_error(message()); }

// A request on its way through a chain of tasks that await each other: this thread's tasks that hand it on, the latest
// first. What lies deeper than the stack should goes to a list, and the outermost call works through that.
class task_core::cancel_walk {
 public:
  class gather_levels;

  // `target`: what the task awaits.
  cancel_walk(task_core& t, future_core* target) noexcept
      : task_(&t), target_(target), outer_(innermost_), depth_(outer_ == nullptr ? 0 : outer_->depth_ + 1) {
    innermost_ = this;
  }
  // The request goes to the children of `t`.
  cancel_walk(task_core& t, gather_levels& below) noexcept : cancel_walk(t, nullptr) { below_ = &below; }
  cancel_walk(const cancel_walk&) = delete;
  cancel_walk& operator=(const cancel_walk&) = delete;
  ~cancel_walk() { innermost_ = outer_; }

  // Whether the request came from this very task: tasks await each other in a circle.
  [[nodiscard]] static bool comes_from(const task_core& t) {
    for (cancel_walk* w = innermost_; w != nullptr; w = w->outer_) {
      if (w->task_ == &t) {
        w->came_back_ = true;
        return true;
      }
      if (w->asks_children_of(t)) return true;
      if (w->finishing_ && w->later_.came_by(t, w->looked_at_)) return true;
    }
    return false;
  }
  [[nodiscard]] bool came_back() const noexcept { return came_back_; }
  // Whether the children of `t` are getting the request right now. Then they wait for `t` by some way: who handed the request on
  // last, to what it awaits, has to leave the circle.
  [[nodiscard]] static bool turns_back_at(const task_core& t) {
    bool found = false;
    for (const cancel_walk* w = innermost_; w != nullptr && !found; w = w->outer_) found = w->asks_children_of(t);
    cancel_walk* last = found ? innermost_ : nullptr;
    while (last != nullptr && last->target_ == nullptr) last = last->outer_;  // parents hand it to their children
    if (last != nullptr) last->turned_back_ = true;
    return found;
  }
  [[nodiscard]] bool turned_back() const noexcept { return turned_back_; }
  // Who hands the request on to `t`, which it awaits; null if that is nobody.
  [[nodiscard]] static cancel_walk* asks(const task_core& t) noexcept {
    return innermost_ != nullptr && innermost_->hands_on_to(t) ? innermost_ : nullptr;
  }
  [[nodiscard]] task_state::attempt request_for(task_state& awaited, bool again, task_bits::word who) {
    return detail::request_for(*task_, *target_, awaited, again, who);
  }
  [[nodiscard]] bool take_in_hand(task_state& awaited, task_bits::word who, std::uint16_t taken) {
    return detail::take_in_hand(*task_, *target_, awaited, who, taken);
  }
  [[nodiscard]] static bool in_progress() noexcept { return innermost_ != nullptr; }
  // User code inside a walk asks for something of its own. Puts `outer` there; gives what was there.
  static cancel_walk* begin_apart(cancel_walk* outer = nullptr) noexcept { return std::exchange(innermost_, outer); }
  [[nodiscard]] static bool deep() noexcept { return innermost_ != nullptr && innermost_->depth_ + 1 >= deepest; }

  // The outermost call goes on with `t` later. Until then those who hand the request on to it are told that it is taken.
  static void put_off_to_the_end(task_core& t) {
    cancel_walk* outermost = innermost_;
    while (outermost->outer_ != nullptr) outermost = outermost->outer_;
    deferred_cancels::way way;
    const task_core* first = nullptr;
    if (outermost->finishing_) {
      way.from = outermost->looked_at_;
      first = outermost->later_.at(way.from).core();
    }
    const task_core* asked = &t;
    way.tasks.emplace_back(t.type->record(t));
    way.unbroken = true;
    for (const cancel_walk* by = innermost_; asked != first; by = by->outer_) {
      if (way.unbroken && !by->hands_on_to(*asked)) {
        way.unbroken = false;
        way.chain = way.tasks.size();
      }
      if (by == outermost) break;
      asked = by->task_;
      if (asked != first) way.tasks.emplace_back(by->task_->type->record(*by->task_));
    }
    if (way.unbroken) way.chain = way.tasks.size();
    outermost->later_.add(std::move(way));
  }

  // False if all that the outermost task had handed the request on to have ended: it has that again.
  [[nodiscard]] bool finish(std::string_view text) {
    bool taken = true;
    finishing_ = true;
    for (; next_ < later_.size(); ++next_) {
      if (!ask_put_off(text)) taken = false;
    }
    finishing_ = false;
    return taken;
  }

 private:
  using place = deferred_cancels::place;
  static constexpr int deepest = 100;

  // Asks what was put off; if that has ended, who awaits it and was told that it was taken; and so on. False: all have ended.
  [[nodiscard]] bool ask_put_off(std::string_view text) {
    for (place asked{next_, 0}; asked.in != deferred_cancels::none;) {
      place above = asked;
      const bool known = later_.go_up(above);
      looked_at_ = asked;
      const bool is_outermost = above.in == deferred_cancels::none;
      if (ask(known && !is_outermost ? &later_.at(above) : nullptr, text) || !known) return true;
      asked = above;
    }
    return false;
  }
  [[nodiscard]] bool ask(task_record* asker, std::string_view text) {
    task_record& task = later_.at(looked_at_);
    task_core* const t = task.core();
    if (t == nullptr) return false;
    task_core* const by = asker == nullptr ? nullptr : asker->core();
    std::optional<cancel_walk> walk;
    if (by != nullptr) walk.emplace(*by, &task);
    return t->cancel_from(t->request(true, task_bits::cancel_requested), text, task_bits::cancel_requested);
  }
  [[nodiscard]] bool asks_children_of(const task_core& t) const;
  // Whether `t` is what it awaits.
  [[nodiscard]] bool hands_on_to(const task_core& t) const noexcept {
    return target_ != nullptr && target_->producer() == &t;
  }

  static thread_local cancel_walk* innermost_;

  task_core* task_;
  future_core* target_;
  gather_levels* below_ = nullptr;
  cancel_walk* outer_;
  int depth_;
  bool came_back_ = false;
  bool turned_back_ = false;
  deferred_cancels later_;
  std::size_t next_ = 0;
  bool finishing_ = false;
  place looked_at_;  // meanwhile
};

thread_local task_core::cancel_walk* task_core::cancel_walk::innermost_ = nullptr;

// A task that waits for itself by some way is taken out of the circle. False if its wait has just ended.
bool task_core::leave_cycle(future_core& awaited, task_bits::word who) {
  const auto mine = [this](completion_node& node) { return waiter_node::waits_for(node, *this); };
  const circle_end how = leave_circle(state, awaited, mine, who);
  if (how == circle_end::left) at().enqueue(*this);
  return how != circle_end::over;
}

// Who hands the request on to this task, which it awaits, may get it back.
task_state::attempt task_core::request(bool again, task_bits::word who) {
  if (cancel_walk* walk = cancel_walk::asks(*this); walk != nullptr) return walk->request_for(state, again, who);
  return state.ask_cancel(again, who);
}

// What deliver_cancel() needs to know.
struct task_core::cancel_traits {
  using future_ref = core_ref<future_core>;
  using block_ref = pinned_block;

  // Counts a request; none if it is not for this task.
  [[nodiscard]] static std::optional<task_state::attempt> begin(task_core& t, std::string_view text,
                                                                task_bits::word& who) {
    if (!text.empty() || t.cancel_message_.load(std::memory_order_relaxed) != nullptr) t.note_message(text);
    if (cancel_walk::turns_back_at(t)) return std::nullopt;
    const bool again = cancel_walk::comes_from(t);  // round a circle: counted already
    if (is_inside_step(t)) who |= task_bits::by_itself;
    return t.request(again, who);
  }
  static void wait_was_ended(task_core& t) noexcept {
    trace(trace_event::cancelled, t);
    t.at().enqueue(t);
  }
  [[nodiscard]] static bool comes_from(const task_core& t) noexcept { return cancel_walk::comes_from(t); }
  static bool leave_cycle(task_core& t, future_core& target, task_bits::word who) { return t.leave_cycle(target, who); }
  [[nodiscard]] static task_state::attempt repeat(task_core& t, task_bits::word who) { return t.request(true, who); }
  [[nodiscard]] static bool hands_on() noexcept { return cancel_walk::in_progress(); }
  static bool put_off(task_core& t) {
    if (!cancel_walk::deep()) return false;
    cancel_walk::put_off_to_the_end(t);
    return true;
  }
  static passed_on cancel_future(task_core& t, future_core& target, std::string_view text) {
    cancel_walk walk(t, &target);
    bool taken = target.cancel(text);
    taken = walk.finish(text) && taken;
    if (walk.turned_back()) return passed_on::turned_back;
    return taken ? passed_on::taken : passed_on::refused;
  }
  [[nodiscard]] static bool delivers_itself(const task_core& t) noexcept {
    return (t.state.is_pinned() && !t.state.is_main()) || &t == this_thread().current;
  }
  [[nodiscard]] static pinned_block ask_gather(task_core& t, const pinned_block& declined, task_bits::word who,
                                               std::uint16_t noted_at) {
    cancel_walk* const asks = cancel_walk::asks(t);
    return detail::ask_gather<std_policy>(t, declined, [&] {
      return asks != nullptr ? asks->take_in_hand(t.state, who, noted_at) : t.state.withdraw_request(who, noted_at);
    });
  }
  static bool cancel_children(task_core& t, join_head& block, std::string_view text);
};

// The gathers inside each other whose children are getting a request. User code makes them as deep as it likes: no recursion.
class task_core::cancel_walk::gather_levels {
 public:
  // True if one of the children of `first` accepts.
  [[nodiscard]] bool cancel(join_head& first, std::string_view text) {
    open_.reserve(at_once);
    open_.push_back({&first, std::nullopt});
    for (;;) {
      if (level& last = open_.back(); last.next < last.block->child_count()) {
        task_core& child = last.block->child(last.next++);
        task_bits::word who = task_bits::cancel_requested;
        const std::optional<task_state::attempt> found = cancel_traits::begin(child, text, who);
        if (!found) continue;
        delivery at(child, *found, who);
        const answer said = at.go_on(text);
        note(std::move(at), said, text);
      } else {
        level asked = take_deepest();
        if (!asked.parent) return asked.any;
        const answer said = asked.parent->children_said(asked.any, text);
        note(std::move(*asked.parent), said, text);
      }
    }
  }

  // Whether the children of `t` are among them; the walk knows the task above the first.
  [[nodiscard]] bool contain(const task_core& t) {
    if (open_.size() > few && is_indexed()) return index_.count(&t) != 0;
    return std::any_of(open_.begin(), open_.end(),
                       [&t](const level& l) { return l.parent && &l.parent->task() == &t; });
  }

 private:
  using delivery = cancel_delivery<cancel_traits, task_core, task_state::attempt, task_bits::word>;
  using answer = delivery::answer;
  struct level {
    join_head* block;
    std::optional<delivery> parent;  // who asks them; none: the walk does
    std::uint32_t next = 0;
    bool any = false;
  };

  void note(delivery at, answer said, std::string_view text) {
    while (said == answer::ask_children && !has_room()) {  // by recursion, then: a request is not lost
      said = at.children_said(cancel_traits::cancel_children(at.task(), at.gather(), text), text);
    }
    if (said == answer::ask_children) {
      join_head& block = at.gather();
      open_.push_back({&block, std::move(at)});
    } else if (said == answer::accepted) {
      open_.back().any = true;
    }
  }
  // False if there is no memory.
  [[nodiscard]] bool has_room() noexcept {
    if (open_.size() < open_.capacity()) return true;
    try {
      open_.reserve(2 * open_.size());
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }
  [[nodiscard]] bool is_indexed() noexcept {
    try {
      for (; indexed_ < open_.size(); ++indexed_) {
        if (open_[indexed_].parent) index_.insert(&open_[indexed_].parent->task());
      }
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }
  level take_deepest() {
    level last = std::move(open_.back());
    open_.pop_back();
    if (indexed_ > open_.size()) {
      --indexed_;
      if (last.parent) index_.erase(&last.parent->task());
    }
    return last;
  }

  static constexpr std::size_t at_once = 4;  // without malloc
  static constexpr std::size_t few = 32;     // are looked through

  alignas(level) std::byte room_[at_once * sizeof(level)];
  std::pmr::monotonic_buffer_resource memory_{room_, sizeof(room_)};
  std::pmr::vector<level> open_{&memory_};
  std::unordered_set<const task_core*> index_;  // of the first of them
  std::size_t indexed_ = 0;
};

bool task_core::cancel_walk::asks_children_of(const task_core& t) const {
  return below_ != nullptr && (task_ == &t || below_->contain(t));
}

// A child may wait for this task, and sends it the request that it has just got from here.
bool task_core::cancel_traits::cancel_children(task_core& t, join_head& block, std::string_view text) {
  cancel_walk::gather_levels below;
  cancel_walk walk(t, below);
  const bool any = below.cancel(block, text);
  static_cast<void>(walk.finish(text));  // the answer of all children, which stands
  return any;
}

bool task_core::cancel(std::string_view text, task_bits::word who) {
  const std::optional<task_state::attempt> found = cancel_traits::begin(*this, text, who);
  return found && cancel_from(*found, text, who);
}

bool task_core::cancel_from(task_state::attempt found, std::string_view text, task_bits::word who) {
  return deliver_cancel<cancel_traits>(*this, found, text, who);
}

bool cancel_by_user(future_core& future, std::string_view text) {
  struct apart {
    task_core::cancel_walk* const outer = task_core::cancel_walk::begin_apart();
    apart() noexcept = default;
    apart(const apart&) = delete;
    apart& operator=(const apart&) = delete;
    ~apart() { task_core::cancel_walk::begin_apart(outer); }
  };
  const apart own;
  return future.cancel(text);
}

task_state::wait_kind task_core::pass_cancel_on(future_core& awaited) {
  cancel_walk walk(*this, &awaited);
  const auto cancel = [&] {
    const std::string text = message();
    const bool taken = awaited.cancel(text);
    return walk.finish(text) && taken;
  };
  return pass_on_before_wait(state, cancel, [&] { return walk.came_back(); });
}

task_bits::word task_core::end_with(result_base& outcome) noexcept {
  if (outcome.error == nullptr && state.hides_value()) outcome.error = cancelled_end();
  return state.finish();
}

// On the task's own thread, before any child can have ended: they all accept.
void task_core::cancel_children_now() {
  pinned_block none;
  const std::string text = message();
  static_cast<void>(pass_to_children<std_policy>(
      *this, none, [this] { return state.take_for_children(); },
      [&](join_head& block) { return cancel_traits::cancel_children(*this, block, text); }));
}

task_core& running_task(const char* call) {
  task_core* t = this_thread().current;
  if (t == nullptr) throw_no_loop(call, "no task is running here");
  return *t;
}

}  // namespace gyre::detail
