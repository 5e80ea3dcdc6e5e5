// SPDX-License-Identifier: BSL-1.0
#include "loop_core.hpp"

#include "platform.hpp"
#include "reactor.hpp"

#include <gyre/core/error.hpp>
#include <gyre/core/holder.hpp>
#include <gyre/loop/event_loop.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

namespace gyre::detail {
namespace {

constexpr std::int64_t millisecond = 1'000'000;

bool debug_by_environment() noexcept {
  const char* value = std::getenv("GYRE_DEBUG");
  return value != nullptr && *value != '\0';
}

loop_setup equipped(loop_setup setup) {
  if (platform* surroundings = current_platform(); surroundings != nullptr) surroundings->equip(setup);
  return setup;
}

}  // namespace

loop_core::loop_core(const loop_setup& setup, event_loop& shell) : loop_core(shell, equipped(setup)) {}

loop_core::loop_core(event_loop& shell, const loop_setup& setup)
    : timers(setup.asyncio_order ? timer_heap::as_cpython() : timer_heap::by_arrival(setup.clock->now())),
      ready(setup.queue_capacity),
      forks(setup.queue_capacity),
      setup_(setup),
      shell_(&shell),
      platform_(current_platform()) {
  if (setup_.family == nullptr) setup_.family = this;
  if (setup_.task_numbers == nullptr) setup_.task_numbers = &own_task_numbers_;
  identity().note_family(setup_.family);
  set_debug_mode(setup_.debug || debug_by_environment());
  if (platform_ != nullptr || in_debug_mode()) track_lock_holders();
  if (setup_.sleeper == nullptr) own_parker_ = std::make_unique<reactor>();
  sleeper_ = setup_.sleeper == nullptr ? own_parker_.get() : setup_.sleeper;
  if (platform_ != nullptr) platform_->adopt(*this);
}

loop_core::~loop_core() {
  close();
  end_locals();
  identity().end_era();
  if (platform_ != nullptr) platform_->forget(*this);
}

// A stealable task goes on where it is woken: who wakes it has what it waited for in its cache, and is often the next to
// wait for it. To send it to where it parked would cost a message, and a wake-up if nobody is awake there; a worker that has
// nothing to do may take it from here as well as from there.
void loop_core::enqueue(task_core& t) noexcept {
  home* const here = this_thread().loop;
  if (here == this) {
    queue_here(t);
  } else if (here != nullptr && here->family() == setup_.family && !t.state.is_pinned()) {
    static_cast<loop_core*>(here)->push_ready(t);
  } else {
    send(t);
  }
}

void loop_core::begin(task_core& t) noexcept {
  if (on_own_thread()) {
    queue_here(t);
  } else {
    send(t);
  }
}

void loop_core::queue_here(task_core& t) noexcept {
  if (t.state.is_pinned()) {
    ring_.push_back(t);
  } else {
    push_ready(t);
  }
}

void loop_core::send(task_core& t) noexcept {
  std::optional<loop_visit> inside;
  if (!called_from_inside()) inside.emplace(identity(), identity().era());
  if (closed()) return;  // the closing thread finds the task in the registry
  const bool pinned = t.state.is_pinned();
  (pinned ? messages_in_ : tasks_in_).push(t);  // W1
  tell(!pinned);
}

// What anybody may take wakes one loop, whichever; if one searches already, none.
void loop_core::tell(bool stealable) noexcept {
  if (!stealable || setup_.peers == nullptr) {
    wake_if_sleeping();
  } else if (idle_bits::wants_work_after_message(*setup_.idle)) {
    setup_.peers->work_added();
  }
}

void loop_core::push_ready(task_core& t, bool tells) noexcept {
  if (setup_.peers == nullptr) {
    ring_.push_back(t);  // nobody could steal it
    return;
  }
  try {
    ready.push(&t);
  } catch (const std::bad_alloc&) {
    tasks_in_.push(t);  // intrusive: cannot fail
  }
  if (tells && setup_.idle != nullptr && idle_bits::wants_work_after_push(*setup_.idle)) tell_of_ready();
}

void loop_core::tell_of_ready() noexcept {
  if (ready.size() != 1 || lone_calls_.due(taken_from_.load(std::memory_order_relaxed))) setup_.peers->work_added();
}

void loop_core::post(runnable& r) noexcept {
  if (on_own_thread()) {
    ring_.push_back(r);
    return;
  }
  {
    std::optional<loop_visit> inside;
    if (!called_from_inside()) inside.emplace(identity(), identity().era());
    if (!closed()) {
      messages_in_.push(r);  // W1
      wake_if_sleeping();
      return;
    }
  }
  r.drop();
}

void loop_core::post_foreign(runnable& r, bool stealable, const char* call) {
  refuse_if_forked(call);
  const loop_visit inside(identity(), identity().era());
  if (!inside.admitted()) throw loop_closed(std::string(call) + ": the event loop is closed");
  runnable* const entry = &r;
  queue_foreign(std::span(&entry, 1), stealable);
}

void loop_core::submit(std::span<own_task* const> tasks, bool stealable, const char* call) {
  const loop_visit inside(identity(), identity().era());
  try {
    refuse_if_forked(call);
    if (!inside.admitted()) throw loop_closed(std::string(call) + ": the event loop is closed");
    // Registered only now: a closing loop abandons what it finds.
    for (own_task* t : tasks) t->prepare(*this, task_options(), nullptr);
    if (tasks.size() == 1) {
      runnable* const entry = tasks.front();
      queue_foreign(std::span(&entry, 1), stealable);
    } else {
      const pooled_vector<runnable*> entries(tasks.begin(), tasks.end());
      queue_foreign(entries, stealable);
    }
  } catch (...) {
    for (own_task* t : tasks) t->refuse();
    throw;
  }
}

void loop_core::queue_foreign(std::span<runnable* const> entries, bool stealable) {
  (stealable ? foreign_tasks_ : foreign_).push(entries);  // W1
  tell(stealable);
}

void loop_core::wake_if_sleeping() noexcept {
  if (sleeping_.asleep()) wake();  // W2
}

void loop_core::wake_for_timer() noexcept {
  if (sleeping_.asleep_after_store()) wake();  // W2
}

void loop_core::add_task(task_record& t) noexcept {
  const std::lock_guard hold(registry_lock_);
  registry_.push_back(t);
}

void loop_core::remove_task(task_record& t) noexcept {
  const std::lock_guard hold(registry_lock_);
  if (auto& link = static_cast<list_link<registry_tag>&>(t); link.linked()) link.unlink();
}

void loop_core::add_orphans(join_head& block) noexcept {
  const std::lock_guard hold(registry_lock_);
  orphans_.push_back(block);
  ++orphans_listed_;
}

void loop_core::remove_orphans(join_head& block) noexcept {
  const std::lock_guard hold(registry_lock_);
  static_cast<list_link<orphan_tag>&>(block).unlink();
}

void loop_core::add_generator(generator_state& g) noexcept {
  bool late = false;
  {
    const std::lock_guard hold(registry_lock_);
    generators_.push_back(g);
    late = generators_shut_;
  }
  if (!late) return;
  report r;
  r.message = "asynchronous generator ";
  g.append_text(r.message);
  r.message += " was begun after shutdown_asyncgens()";
  report_error(std::move(r));
}

bool loop_core::remove_generator(generator_state& g) noexcept {
  const std::lock_guard hold(registry_lock_);
  auto& link = static_cast<list_link<generator_tag>&>(g);
  const bool listed = link.linked();
  if (listed) link.unlink();
  return listed;
}

std::vector<generator_state*> loop_core::take_generators() {
  std::vector<generator_state*> open;
  const std::lock_guard hold(registry_lock_);
  generators_shut_ = true;
  generators_.for_each([&open](generator_state& g) { open.push_back(&g); });
  while (!generators_.empty()) generators_.pop_front().hold();
  return open;
}

void loop_core::report_error(report r) noexcept {
  try {
    exception_context context(std::move(r.message));
    context.exception = std::move(r.exception);
    context.details = std::move(r.details);
    if (auto* task = dynamic_cast<task_record*>(r.future); task != nullptr) {
      context.task = any_task(core_ref<future_core>::share(*task));
    } else if (r.future != nullptr) {
      context.future = any_future(core_ref<future_core>::share(*r.future));
    }
    if (r.callback != nullptr) context.handle.emplace(core_ref<call_core>::share(*r.callback));
    std::optional<entered_slot> inside;
    if (r.context != nullptr) inside.emplace(*r.context);
    handler.call(*shell_, context);
  } catch (...) {
    print_report(exception_context());
  }
}

void loop_core::end_program(std::exception_ptr error) noexcept {
  loop_core* awaited = setup_.peers == nullptr ? this : setup_.peers->awaited_loop();
  if (awaited == this) {
    fatal = std::move(error);
    stop_requested.store(true, std::memory_order_relaxed);  // this thread looks
  } else if (awaited != nullptr) {
    awaited->send_fatal(std::move(error));
  } else {
    report r;
    r.message = "an exception that ends the program was thrown on a loop that no run() waits for";
    r.exception = std::move(error);
    report_error(std::move(r));
  }
}

void loop_core::send_fatal(std::exception_ptr error) noexcept {
  {
    const std::lock_guard hold(sent_fatal_lock_);
    if (sent_fatal_ == nullptr) sent_fatal_ = std::move(error);
  }
  request_stop();
}

std::exception_ptr loop_core::take_fatal() noexcept {
  if (fatal != nullptr) return std::exchange(fatal, nullptr);
  const std::lock_guard hold(sent_fatal_lock_);
  return std::exchange(sent_fatal_, nullptr);
}

std::shared_ptr<task_factory> loop_core::factory() noexcept {
  const std::lock_guard hold(factory_lock_);
  return factory_;
}

void loop_core::set_factory(std::shared_ptr<task_factory> factory) noexcept {
  const std::lock_guard hold(factory_lock_);
  note_factory(factory != nullptr);
  factory_.swap(factory);
}

std::uint64_t loop_core::next_task_number() noexcept {
  return setup_.task_numbers->fetch_add(1, std::memory_order_relaxed);
}

void loop_core::enter(const char* call) {
  refuse_if_forked(call);
  thread_state& thread = this_thread();
  if (thread.loop != nullptr) throw already_running(std::string(call) + ": a loop is running on this thread already");
  if (!run_right_.try_lock()) {
    throw already_running(std::string(call) + ": this event loop is already running");
  }
  outer_ = thread;
  thread = own_thread_state();
  thread_number_.store(::gettid(), std::memory_order_relaxed);
}

thread_state loop_core::own_thread_state() noexcept {
  thread_state state;
  state.loop = this;
  state.forks = setup_.asyncio_order ? nullptr : &forks;
  state.idle = setup_.idle;
  // The short way of a fork-join asks neither who listens nor whether barriers cost anything.
  state.quick = state.forks != nullptr && membarrier_works && !is_traced();
  return state;
}

void loop_core::leave() noexcept {
  if (searching) end_search(0);  // it searches no more: while one does, nobody else is woken
  this_thread() = outer_;
  thread_number_.store(0, std::memory_order_relaxed);
  run_right_.unlock();
}

void loop_core::request_stop() noexcept {
  if (sleeping_.raise(stop_requested)) wake();
}

bool loop_core::nothing_waits_but_forks() const noexcept {
  return ring_.empty() && batch_.empty() && messages_in_.empty() && tasks_in_.empty() && foreign_.empty() &&
         foreign_tasks_.empty() && ready.empty() && !sleep_mark::raised(stop_requested);
}

bool loop_core::nothing_came_in() const noexcept { return forks.empty() && nothing_waits_but_forks(); }

bool loop_core::nothing_to_do() const noexcept {
  return nothing_came_in() && (setup_.peers == nullptr || !setup_.peers->anything_to_steal());
}

std::int64_t loop_core::park_deadline() const noexcept {
  const std::int64_t due = timers->next_deadline();
  if (due == never || !setup_.asyncio_order) return due;
  // asyncio rounds its poll up to a millisecond: timers that are due within it run in one iteration.
  const std::int64_t start = now();
  const std::int64_t rest = std::max<std::int64_t>(due - start, 0);
  return deadline_after(start, (rest + millisecond - 1) / millisecond * millisecond);
}

bool loop_core::prepare_park(std::int64_t& deadline) {
  std::int64_t watch = never;
  const auto announce = [&] {
    if (setup_.peers != nullptr) watch = setup_.peers->about_to_sleep(*this);
  };
  const auto look = [&] {
    interruption_point();
    deadline = park_deadline();
    return nothing_to_do() && deadline > now();
  };
  if (!sleeping_.fall_asleep(announce, look)) {
    awoken(setup_.peers != nullptr && setup_.peers->anything_to_steal());
    return false;
  }
  deadline = std::min(deadline, watch);
  parks.store(parks.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

void loop_core::awoken(bool searches_on) noexcept {
  watched_ = false;
  last_collect_ = 0;
  sleeping_.wake_up();
  if (setup_.peers != nullptr) setup_.peers->awake(*this, searches_on);
}

void loop_core::get_up() {
  if (setup_.peers != nullptr) setup_.peers->look_after_others(*this);
  awoken();
}

void loop_core::park() {
  std::int64_t deadline = never;
  if (!prepare_park(deadline)) return;
  sleeper_->wait(deadline);  // S4
  slept_ = true;
  get_up();
}

namespace {

// The closing thread acts as the loop: destructors of frames find their home and cancel their timers here.
class acting_as {
 public:
  explicit acting_as(home& l) noexcept : before_(this_thread()) {
    this_thread() = thread_state{};
    this_thread().loop = &l;
  }
  acting_as(const acting_as&) = delete;
  acting_as& operator=(const acting_as&) = delete;
  ~acting_as() { this_thread() = before_; }

 private:
  thread_state before_;
};

}  // namespace

// asyncio: what the executor has taken is not waited for.
void loop_core::close_own_executor() noexcept {
  for (const auto& each : own_executor_.close()) each->shutdown(std::chrono::steady_clock::time_point());
  const std::lock_guard hold(own_executor_.guard);
  own_executor_.executor.reset();
  own_executor_.replaced.clear();
}

void loop_core::close() noexcept {
  close_own_executor();
  drop_entries();
  const acting_as me(*this);
  abandon_orphans();
  abandon_tasks();
  while (!ring_.empty()) ring_.pop_front().drop();
  if (auto* r = dynamic_cast<reactor*>(own_parker_.get()); r != nullptr) r->context().stop();
  if (setup_.peers == nullptr) identity().note_end();  // else the runtime does, when all its loops have closed
}

void loop_core::end_locals() noexcept {
  const acting_as me(*this);
  locals.clear();
}

void loop_core::refuse_entries() noexcept {
  identity().shut();
  drop_foreign();
}

void loop_core::drop_foreign() noexcept {
  while (runnable* r = foreign_.take()) r->drop();
  while (runnable* r = foreign_tasks_.take()) r->drop();
}

void loop_core::drop_entries() noexcept {
  refuse_entries();
  const acting_as me(*this);
  messages_in_.take_all([](runnable& r) { r.drop(); });
  intrusive_list<runnable> due;
  timers->fire_due(never, due);
  batch_.splice_back(ring_);
  batch_.splice_back(due);
  while (!batch_.empty()) batch_.pop_front().drop();
  tasks_in_.forget();
  while (ready.take() != nullptr) {
  }
}

void loop_core::abandon_orphans() noexcept {
  for (;;) {
    join_head* block = nullptr;
    {
      const std::lock_guard hold(registry_lock_);
      if (orphans_.empty()) return;
      block = &orphans_.pop_front();
    }
    block->abandon();
  }
}

// Destroys the tasks that are left, the youngest first. Each may wake or cancel others on its way: those stay listed.
void loop_core::abandon_tasks() noexcept {
  for (;;) {
    own_task* last = nullptr;
    {
      const std::lock_guard hold(registry_lock_);
      if (registry_.empty()) return;
      last = static_cast<own_task*>(&registry_.back());
      static_cast<list_link<registry_tag>*>(last)->unlink();
    }
    last->abandon();
  }
}

}  // namespace gyre::detail
