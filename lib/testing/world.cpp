// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include "../loop/wait_report.hpp"
#include "stillness.hpp"

#include <gyre/core/error.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>

namespace gyre::testing {
namespace {

using detail::loop_core;
using detail::never;

constexpr std::int64_t microsecond = 1'000;
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t longest_hiccup = 100 * millisecond;  // of a machine: the clock goes on, nobody runs

constinit thread_local simulation::world* world_here = nullptr;

// The hooks of core are global; simulations may run on several threads at once.
constinit std::mutex hooks_guard;
constinit int worlds = 0;

void trace_here(detail::trace_event event, detail::task_core& t) noexcept {
  if (world_here != nullptr) world_here->trace(event, t);
}

void interrupt_here() noexcept {
  if (world_here != nullptr) world_here->interruption_point();
}

void hook_in() {
  const std::lock_guard hold(hooks_guard);
  if (++worlds != 1) return;
  detail::trace_target.store(&trace_here, std::memory_order_relaxed);
  detail::interruption_target.store(&interrupt_here, std::memory_order_relaxed);
}

void hook_out() {
  const std::lock_guard hold(hooks_guard);
  if (--worlds != 0) return;
  detail::trace_target.store(nullptr, std::memory_order_relaxed);
  detail::interruption_target.store(nullptr, std::memory_order_relaxed);
}

}  // namespace

simulation::world*& simulation::world::here() noexcept { return world_here; }

namespace {

// One of these by the seed. 0 chooses the first value, which is what shrinking goes back to.
template <class T, class... Others>
T pick(choices& seed, T first, Others... others) {
  const T values[] = {first, static_cast<T>(others)...};
  return values[seed.below(1 + sizeof...(others))];
}

std::uint64_t pick_interruptions(choices& seed) { return pick(seed, std::uint64_t{0}, 2, 4, 16, 64); }

}  // namespace

// Each line is one decision.
temperament temperament::extreme(choices& seed) {
  temperament t;
  t.steps_a_turn = pick(seed, std::uint64_t{0}, 1, 2, 61);
  t.step_cost = pick(seed, std::int64_t{0}, microsecond, 50 * microsecond, 2 * millisecond);
  t.queue_capacity = pick(seed, std::int64_t{256}, 1, 2);
  t.neglected = pick(seed, 0U, 0, 1, 2);
  t.stubborn = pick(seed, std::uint64_t{1}, 1, 4, 32);
  t.interruptions = pick_interruptions(seed);
  t.false_alarms = pick(seed, std::uint64_t{0}, 0, 16);
  t.early_clock = pick(seed, std::uint64_t{0}, 0, 64);
  t.late_functions = pick(seed, std::uint64_t{0}, 0, 2);
  return t;
}

simulation::world::world(std::uint64_t seed, const sim_options& options)
    : choices_(seed), most_decisions_(options.most_decisions()), trace_(0xcbf29ce484222325ULL) {
  if (options.kept_decisions()) choices_.keep_only(*options.kept_decisions());
  if (options.remembers()) choices_.remember();
  if (options.narrates()) recorder_.switch_on();
  if (options.extremes()) temper_ = temperament::extreme(choices_);
  outer_ = std::exchange(detail::current_platform(), this);
  outer_world_ = std::exchange(world_here, this);
  hook_in();
}

int simulation::world::choose_loops(const sim_options& options) {
  const auto more = static_cast<std::uint64_t>(options.most_loops() - options.fewest_loops());
  const int loops = options.fewest_loops() + (more == 0 ? 0 : static_cast<int>(choose(more + 1)));
  if (options.interrupts() && !options.extremes() && loops > 1) temper_.interruptions = pick_interruptions(choices_);
  return loops;
}

simulation::world::~world() {
  hook_out();
  world_here = outer_world_;
  detail::current_platform() = outer_;
}

std::uint64_t simulation::world::choose(std::uint64_t n) {
  const std::uint64_t value = choices_.below(n);
  trace_ = (trace_ ^ (value + 1)) * 0x100000001b3ULL;
  return value;
}

void simulation::world::trace(detail::trace_event event, detail::task_core& t) noexcept {
  const auto& where = static_cast<loop_core&>(t.at());
  trace_ = (trace_ ^ (static_cast<std::uint64_t>(event) + 16 * where.index + 1)) * 0x100000001b3ULL;
  if (recorder_.on()) recorder_.note(elapsed(), event, t);
  if (event == detail::trace_event::step && t.check == nullptr) t.waits_by = detail::wait_reason::unknown;
  const char* const wrong = broken_by(event, t);
  if (wrong != nullptr && broken_ == nullptr) broken_ = wrong;
}

// What no step of any task may do. A hook cannot throw: the end of the turn does.
const char* simulation::world::broken_by(detail::trace_event event, const detail::task_core& t) const noexcept {
  using detail::trace_event;
  if (event == trace_event::stolen) return t.state.is_pinned() ? "a pinned task was stolen" : nullptr;
  if (event != trace_event::step) return nullptr;
  if (&t.at() != detail::this_thread().loop) return "a task takes a step on a loop that is not its home then";
  if (t.state.is_done()) return "a task takes a step after its end";
  if (t.state.is_waiting()) return "a task takes a step though it is parked";
  const bool twice = std::any_of(beds_.begin(), beds_.end(), [&](const auto& each) { return each->in_step() == &t; });
  return twice ? "a task takes a step while it is inside another one" : nullptr;
}

// Only a turn's own stack is left: code of a fiber, or of a function that an executor runs, stays as it is.
void simulation::world::interruption_point() noexcept {
  // Not the address of a local: AddressSanitizer keeps those on a stack of its own.
  const void* const frame = __builtin_frame_address(0);
  if (temper_.interruptions == 0 || finishing_ || turning_ == nullptr || !turning_->owns_stack(frame)) return;
  if (choose(temper_.interruptions) == temper_.interruptions - 1) turning_->interrupt();
}

// --- platform ---------------------------------------------------------------------------------------------------------

void simulation::world::equip(detail::loop_setup& setup) {
  beds_.push_back(std::make_unique<bed>(*this, temper_.interruptions != 0));
  setup.clock = this;
  setup.sleeper = beds_.back().get();
  setup.driver = this;
  setup.queue_capacity = temper_.queue_capacity;
}

void simulation::world::adopt(loop_core& l) { static_cast<bed&>(l.sleep_place()).adopt(l); }

void simulation::world::forget(loop_core& l) noexcept {
  const auto found = std::find_if(beds_.begin(), beds_.end(), [&l](const auto& each) { return each->loop() == &l; });
  if (found == beds_.end()) return;
  if (last_ == found->get()) last_ = nullptr;
  const std::unique_ptr<bed> gone = std::move(*found);  // what its handlers own may use the simulation
  beds_.erase(found);
}

std::shared_ptr<offload_executor> simulation::world::make_executor() {
  auto made = std::make_shared<simulated_pool>();
  pools_.push_back(made);
  return made;
}

// --- the order of turns -----------------------------------------------------------------------------------------------

bool simulation::world::takes_part(const bed& b, const loop_core& target) noexcept {
  return b.loop() != nullptr && b.loop()->family() == target.family() && !b.loop()->closed();
}

// As a loop on a thread of its own: it looks after each of its turns whether it is to stop.
void simulation::world::drive(loop_core& target) {
  auto& own = static_cast<bed&>(target.sleep_place());
  while (step(target) != &own || !detail::sleep_mark::raised(target.stop_requested)) {
  }
  own.stay_up();
  finish_turns();
}

// Returns who has just ended a turn.
bed* simulation::world::step(loop_core& target) {
  if (broken_ != nullptr) {
    finish_turns();
    throw error(std::string("simulation: ") + broken_);
  }
  count_decision(target);
  disturb(target);
  note_awake(target);
  note_functions();
  if (awake_.empty() && functions_.empty()) {
    advance_clock(target);
    return nullptr;
  }
  const std::size_t picked = pick();
  if (picked < awake_.size()) {
    functions_.clear();
    return take_turn(*awake_[picked], target);
  }
  run_function();
  return nullptr;
}

void simulation::world::count_decision(loop_core& target) {
  if (most_decisions_ == 0 || choices_.made() < most_decisions_) return;
  finish_turns();
  throw no_progress("simulation: main has not ended after " + std::to_string(choices_.made()) + " decisions\n" +
                    detail::describe_waits(target).text);
}

// Extremes only: what a busy machine does to programs.
void simulation::world::disturb(const loop_core& target) {
  if (temper_.false_alarms != 0 && choose(temper_.false_alarms) == temper_.false_alarms - 1) give_false_alarm(target);
  if (temper_.early_clock != 0 && choose(temper_.early_clock) == temper_.early_clock - 1) {
    if (const std::int64_t next = next_event(target); next - now_ <= longest_hiccup) now_ = std::max(now_, next);
  }
}

// To one loop: if it were to each, those of many loops would come faster than loops fall asleep, and the clock would stand.
void simulation::world::give_false_alarm(const loop_core& target) {
  const auto sleeps = [&target](const auto& each) {
    return takes_part(*each, target) && each->at() == bed::stage::asleep;
  };
  const auto sleepers = static_cast<std::uint64_t>(std::count_if(beds_.begin(), beds_.end(), sleeps));
  if (sleepers == 0) return;
  auto chosen = std::find_if(beds_.begin(), beds_.end(), sleeps);
  for (std::uint64_t before = choose(sleepers); before != 0; --before) {
    chosen = std::find_if(std::next(chosen), beds_.end(), sleeps);
  }
  static_cast<void>((*chosen)->wake());
}

void simulation::world::note_awake(const loop_core& target) {
  awake_.clear();
  std::size_t first = 0;  // after who went last
  for (const auto& each : beds_) {
    if (!takes_part(*each, target)) continue;
    if (each->at() == bed::stage::asleep && each->is_called(now_)) each->get_up();
    if (each->at() == bed::stage::asleep) continue;
    awake_.push_back(each.get());
    if (each.get() == last_) first = awake_.size();
  }
  if (first < awake_.size())
    std::rotate(awake_.begin(), awake_.begin() + static_cast<std::ptrdiff_t>(first), awake_.end());
}

// The index of a loop that is awake, or one past the last for a function.
std::size_t simulation::world::pick() {
  if (temper_.neglected != 0 && awake_.size() > 1 && choose(16) != 15) {
    std::erase_if(awake_, [this](const bed* each) { return each->loop()->index + 1 == temper_.neglected; });
  }
  const bool goes_on = temper_.stubborn > 1 && !awake_.empty() && awake_.back() == last_;
  if (goes_on && choose(temper_.stubborn) != temper_.stubborn - 1) return awake_.size() - 1;
  return choose(awake_.size() + (functions_.empty() ? 0 : 1));
}

bed* simulation::world::take_turn(bed& b, const loop_core& target) {
  const bool turns = b.at() == bed::stage::awake;
  if (turns && !b.interrupted() && b.loop() != &target) {  // as runtime_core::run_thread
    b.loop()->stop_requested.store(false, std::memory_order_relaxed);
  }
  last_ = &b;
  if (turns && !b.interrupted() && b.has_io() && choose(4) == 1) b.poll_early();
  turning_ = &b;
  b.go_on(turns && !b.interrupted() ? steps_of_turn() : 0);
  turning_ = nullptr;
  if (turns) now_ += temper_.step_cost;
  if (b.interrupted() && recorder_.on())
    recorder_.note(elapsed(), "loop " + std::to_string(b.loop()->index) + " is interrupted");
  return turns && !b.interrupted() ? &b : nullptr;
}

int simulation::world::steps_of_turn() {
  if (temper_.steps_a_turn != 0) return static_cast<int>(temper_.steps_a_turn);
  return choose(4) == 0 ? 61 : static_cast<int>(1 + choose(8));
}

// Whoever looks at the loops from outside finds them between two turns.
void simulation::world::finish_turns() {
  finishing_ = true;
  for (std::size_t i = 0; i < beds_.size(); ++i) {
    while (beds_[i]->interrupted()) {
      turning_ = beds_[i].get();
      beds_[i]->go_on(0);
    }
  }
  turning_ = nullptr;
  finishing_ = false;
}

// --- offloaded functions ----------------------------------------------------------------------------------------------

void simulation::world::note_functions() {
  functions_.clear();
  if (pools_.empty()) return;
  std::erase_if(pools_, [](const auto& each) { return each.expired(); });
  for (const auto& each : pools_) {
    const auto pool = each.lock();
    for (std::size_t i = 0; i < pool->size(); ++i) {
      if (pool->not_before(i) <= now_) functions_.push_back(function{pool, i});
    }
  }
}

// Without extremes first come, first served, and no function takes time.
void simulation::world::run_function() {
  const function f = functions_[temper_.late_functions == 0 ? 0 : choose(functions_.size())];
  functions_.clear();
  if (temper_.late_functions != 0 && f.pool->not_before(f.index) == 0 && choose(temper_.late_functions) != 0) {
    f.pool->delay(f.index, now_ + static_cast<std::int64_t>(1 + choose(20)) * millisecond);
    return;
  }
  f.pool->run(f.index);
}

// --- the clock --------------------------------------------------------------------------------------------------------

std::int64_t simulation::world::next_event(const loop_core& target) const noexcept {
  std::int64_t next = never;
  for (const auto& each : beds_) {
    if (takes_part(*each, target)) next = std::min(next, each->next_alarm());
  }
  for (const auto& each : pools_) {
    const auto pool = each.lock();
    for (std::size_t i = 0; pool != nullptr && i < pool->size(); ++i) next = std::min(next, pool->not_before(i));
  }
  return next;
}

// All loops sleep, and no function waits. A look costs as much as there are tasks: after one, as many decisions go by.
// A loop that takes no part may have woken tasks, for whom others wait: then there is nothing to be said.
void simulation::world::check_stillness(const loop_core& target) {
  if (choices_.made() < next_check_) return;
  const bool more = std::any_of(beds_.begin(), beds_.end(), [&](const auto& each) {
    const loop_core* const l = each->loop();
    return !takes_part(*each, target) && l != nullptr && !l->closed() && !l->nothing_came_in();
  });
  if (more) return;
  stillness found;
  for (const auto& each : beds_) {
    if (takes_part(*each, target)) found.look_at(*each->loop(), each->next_alarm());
  }
  next_check_ = choices_.made() + found.tasks() / 4;
  if (!found.lost().empty()) throw error("simulation: nothing can run, but something is left undone" + found.lost());
}

// Nothing can run.
void simulation::world::advance_clock(loop_core& target) {
  for (const auto& each : beds_) {
    if (takes_part(*each, target) && each->finds_posted()) return;
  }
  check_stillness(target);
  const std::int64_t next = next_event(target);
  if (next == never) throw would_deadlock(detail::describe_deadlock(target));
  now_ = std::max(now_, next);
}

}  // namespace gyre::testing
