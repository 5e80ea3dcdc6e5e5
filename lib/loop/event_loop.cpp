// SPDX-License-Identifier: BSL-1.0
#include "loop_core.hpp"

#include <gyre/base/assert.hpp>
#include <gyre/core/holder.hpp>
#include <gyre/loop/event_loop.hpp>

namespace gyre {
namespace detail {

loop_core& core_of(event_loop& loop) noexcept { return loop.core(); }
home& home_of(event_loop& loop) noexcept { return loop.core(); }

void arm_timer(home& loop, timer_node& node, std::int64_t deadline) {
  static_cast<loop_core&>(loop).timers->arm(node, deadline);
}
bool disarm_timer(home& loop, timer_node& node) noexcept { return static_cast<loop_core&>(loop).timers->disarm(node); }
bool take_back_timer(home& loop, timer_node& node) noexcept {
  return static_cast<loop_core&>(loop).timers->take_back(node);
}
void arm_timer_now(home& loop, timer_node& node) {
  auto& core = static_cast<loop_core&>(loop);
  if (node.fires_directly()) {
    core.timers->arm(node, core.now());
  } else {
    core.queue_timer_now(node);
  }
}
std::int64_t now_of(const home& loop) noexcept { return static_cast<const loop_core&>(loop).now(); }
bool has_neighbours(const home& loop) noexcept { return static_cast<const loop_core&>(loop).has_neighbours(); }

namespace {

// Stops the loop when the future that run_until_complete() waits for is done; not any more once that has returned. An error
// that ends the program has left the loop already when the callback's turn comes.
class stop_when_done {
 public:
  stop_when_done(future_core& until, loop_core& loop)
      : until_(until), id_(add_callback(until, [&loop](future_core& done) {
          if (!ends_program(done.slot().error)) loop.request_stop();
        })) {}
  stop_when_done(const stop_when_done&) = delete;
  stop_when_done& operator=(const stop_when_done&) = delete;
  ~stop_when_done() { remove_callback(until_, id_); }

 private:
  future_core& until_;
  std::uint64_t id_;
};

// A loop that is set for a thread by set_event_loop().
std::shared_ptr<event_loop>& thread_event_loop() {
  thread_local std::shared_ptr<event_loop> loop;
  return loop;
}

// Before anything of a new loop is made: another thread of the parent may have held a lock.
const loop_setup& unless_forked(const loop_setup& setup) {
  refuse_if_forked("new_event_loop");
  return setup;
}

[[noreturn]] void throw_closed(const char* call) {
  throw loop_closed(std::string(call) + ": the event loop is closed");
}

// In debug mode a thread from outside the runtime has to use the thread-safe forms.
void check_thread(loop_core& loop, const char* call) {
  const home* here = this_thread().loop;
  if (!loop.in_debug_mode() || !loop.running() || (here != nullptr && here->family() == loop.family())) return;
  throw error(std::string(call) + ": non-thread-safe operation invoked on an event loop other than the current one");
}

}  // namespace

home& running_or_set_home(const char* call) {
  if (home* running = this_thread().loop; running != nullptr) return *running;
  refuse_if_forked(call);
  const std::shared_ptr<event_loop>& set = thread_event_loop();
  if (set == nullptr) {
    throw no_running_loop(std::string(call) + ": no loop runs on this thread and none is set for it");
  }
  return set->core();
}

}  // namespace detail

event_loop::event_loop() : event_loop(detail::loop_setup()) {}
event_loop::event_loop(const detail::loop_setup& setup)
    : core_(std::make_unique<detail::loop_core>(detail::unless_forked(setup), *this)) {}

event_loop::~event_loop() {
  if (detail::is_forked()) {
    static_cast<void>(core_.release());
    return;
  }
  GYRE_ASSERT(!core_->running(), "a running event loop is destroyed");
}

void event_loop::run_forever() {
  detail::loop_core& core = *core_;
  if (core.closed()) detail::throw_closed("run_forever");
  if (core.setup().has_thread) {
    throw already_running("run_forever: this loop belongs to a runtime, which has a thread for it");
  }
  {
    struct stay {
      explicit stay(detail::loop_core& l) : core(l) { core.enter("run_forever"); }
      stay(const stay&) = delete;
      stay& operator=(const stay&) = delete;
      ~stay() {
        core.leave();
        core.stop_requested.store(false, std::memory_order_relaxed);
      }
      detail::loop_core& core;
    };
    const stay inside(core);
    core.run();
  }
  if (const std::exception_ptr fatal = core.take_fatal(); fatal != nullptr) std::rethrow_exception(fatal);
}

void event_loop::drive(detail::future_core& until) {
  detail::loop_core& core = *core_;
  if (core.closed()) detail::throw_closed("run_until_complete");
  // Also one that is done: what stops this loop is a callback on the future's.
  if (!until.is_near(core)) detail::throw_foreign(until, "run_until_complete", detail::foreign_error::value_error);
  const auto held = detail::core_ref<detail::future_core>::share(until);
  const detail::stop_when_done stopper(until, core);
  try {
    run_forever();
  } catch (...) {
    if (until.done()) until.mark_retrieved();
    throw;
  }
  if (!until.done()) throw error("Event loop stopped before Future completed.");
}

void event_loop::stop() noexcept { core_->request_stop(); }

void event_loop::close() {
  detail::refuse_if_forked("close");
  if (core_->running()) throw error("close: cannot close a running event loop");
  core_->close();
  core_->end_locals();
}

bool event_loop::is_running() const noexcept { return core_->running(); }
bool event_loop::is_closed() const noexcept { return core_->closed(); }

handle event_loop::queue_call(unique_function<void()> callback, const context* in) {
  detail::refuse_if_forked("call_soon");
  if (core_->closed()) detail::throw_closed("call_soon");
  detail::check_thread(*core_, "call_soon");
  detail::core_ref<detail::call_core> made(new detail::call_core(*core_, std::move(callback), in));
  handle shown{detail::core_ref<detail::call_core>::share(*made)};
  if (core_->on_own_thread() || !core_->running()) {
    core_->post_local(*made.release());
  } else {
    core_->post(*made.release());
  }
  return shown;
}

handle event_loop::queue_foreign_call(unique_function<void()> callback, const context* in) {
  detail::refuse_if_forked("call_soon_threadsafe");
  if (core_->closed()) detail::throw_closed("call_soon_threadsafe");
  detail::core_ref<detail::call_core> made(new detail::call_core(*core_, std::move(callback), in));
  handle shown{detail::core_ref<detail::call_core>::share(*made)};
  if (detail::this_thread().loop != nullptr) {
    core_->post(*made.release());
  } else {
    core_->post_foreign(*made, false, "call_soon_threadsafe");
    static_cast<void>(made.release());
  }
  return shown;
}

timer_handle event_loop::queue_timer(std::int64_t ns, bool relative, unique_function<void()> callback,
                                     const context* in) {
  const char* call = relative ? "call_later" : "call_at";
  detail::refuse_if_forked(call);
  if (core_->closed()) detail::throw_closed(call);
  detail::check_thread(*core_, call);
  detail::core_ref<detail::call_core> made(new detail::call_core(*core_, std::move(callback), in));
  made->mark_timer();
  timer_handle shown{detail::core_ref<detail::call_core>::share(*made)};
  const std::int64_t deadline = relative ? detail::deadline_after(core_->now(), ns) : ns;
  core_->timers->arm(*made, deadline);
  static_cast<void>(made.release());
  if (!core_->on_own_thread()) core_->wake_for_timer();
  return shown;
}

double event_loop::time() const noexcept { return static_cast<double>(core_->now()) * 1e-9; }
event_loop::time_point event_loop::now() const noexcept { return time_point(loop_clock::duration(core_->now())); }

void event_loop::set_exception_handler(exception_handler handler) { core_->handler.set(std::move(handler)); }
std::shared_ptr<const exception_handler> event_loop::get_exception_handler() const { return core_->handler.get(); }
void event_loop::call_exception_handler(const exception_context& context) noexcept {
  core_->handler.call(*this, context);
}
void event_loop::default_exception_handler(const exception_context& context) noexcept { detail::print_report(context); }

void event_loop::set_task_factory(task_factory factory) {
  core_->set_factory(factory ? std::make_shared<task_factory>(std::move(factory)) : nullptr);
}
std::shared_ptr<task_factory> event_loop::get_task_factory() const { return core_->factory(); }

void event_loop::set_debug(bool on) noexcept {
  if (on) track_lock_holders();
  core_->set_debug_mode(on);
}
bool event_loop::get_debug() const noexcept { return core_->in_debug_mode(); }

void event_loop::slow_callback_duration(time_span limit) noexcept {
  core_->slow_callback_ns.store(limit.count(), std::memory_order_relaxed);
}
std::chrono::nanoseconds event_loop::slow_callback_duration() const noexcept {
  return std::chrono::nanoseconds(core_->slow_callback_ns.load(std::memory_order_relaxed));
}

event_loop& get_running_loop() { return detail::running_home("get_running_loop").as_loop(); }

event_loop& get_event_loop() { return detail::running_or_set_home("get_event_loop").as_loop(); }

any_task current_task(const event_loop& loop) {
  if (detail::this_thread().loop != &loop.core()) return any_task();
  return current_task();
}

void set_event_loop(std::shared_ptr<event_loop> loop) { detail::thread_event_loop() = std::move(loop); }

std::shared_ptr<event_loop> new_event_loop() { return std::make_shared<event_loop>(); }

}  // namespace gyre
