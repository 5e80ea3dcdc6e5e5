// SPDX-License-Identifier: BSL-1.0
#include "interrupt.hpp"
#include "runtime_core.hpp"
#include "shutdown.hpp"

#include <gyre/core/error.hpp>
#include <gyre/runtime/run.hpp>

#include <chrono>

namespace gyre {
namespace detail {

// Made at the first use: the loops of a runtime, or the one loop of a factory.
class runner_core {
 public:
  explicit runner_core(run_options options) : options_(std::move(options)) {}

  event_loop& loop() {
    if (closed_) throw error("Runner is closed");
    if (made_ != nullptr) return *made_;
    if (runtime_ != nullptr) return runtime_->loop(0);
    context_ = copy_context();
    if (options_.loop_factory()) {
      static_cast<void>(options_.resolved_loops());
      made_ = (*options_.loop_factory())();
      if (made_ == nullptr) throw value_error("run: the loop_factory returned no loop");
      if (options_.debug()) made_->set_debug(true);
      return *made_;
    }
    runtime_ = std::make_shared<runtime_core>(options_, true);
    runtime_->start();
    return runtime_->loop(0);
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    if (!begun()) return;
    const late_interrupts hurry(interrupts_);
    event_loop& first = made_ != nullptr ? *made_ : runtime_->loop(0);
    std::optional<std::int64_t> limit;
    if (options_.shutdown_timeout()) limit = options_.shutdown_timeout()->count();
    const shutdown_clock clock(options_.shutdown_timeout());
    if (!first.is_closed()) {
      if (!stuck_) end_quietly(first, [&] { return end_tasks(limit); });
      // The loops run on meanwhile: a function of the executor may wait for one of them.
      const auto end_functions = [&] { return first.shutdown_default_executor(clock.executor_time_left()); };
      if (first.core().executor().in_use() && (stuck_ || !end_quietly(first, end_functions)))
        end_executor(first.core(), clock);
    }
    if (runtime_ != nullptr) {
      runtime_->stop(clock.thread_deadline());
    } else {
      made_->close();
    }
  }

  // A simulation found that nothing goes on: its tasks are destroyed as they are, the youngest first, without a report of
  // each. To cancel them in their order would end main before those that use what it owns.
  void note_stuck(event_loop& first) {
    stuck_ = true;
    for (const any_task& each : all_tasks_of(first.core())) {
      if (auto* t = dynamic_cast<own_task*>(&each.core("run"))) t->expect_abandon();
    }
  }
  void note_interrupts(int count) noexcept { interrupts_ = count; }
  [[nodiscard]] const context& own_context() const noexcept { return *context_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] bool begun() const noexcept { return made_ != nullptr || runtime_ != nullptr; }

 private:
  // What goes wrong in the end must not hide what main ended with; and a task that stops the loop on its way out, or throws
  // what ends programs, must not keep the others from ending.
  template <class Steps>
  bool end_quietly(event_loop& first, Steps steps) {
    task<> ending;
    do {
      try {
        if (!ending) ending = first.create_task(steps());
        first.run_until_complete(ending);
        return true;
      } catch (const cancelled_error&) {  // by a task that cancels all on its way out, at the very end
      } catch (const would_deadlock&) {   // in a simulation: what is left never ends
        note_stuck(first);
        report_problem(first);
        return false;
      } catch (...) {
        if (ending && !ending.done() && is_stop(std::current_exception())) continue;
        report_problem(first);
      }
    } while (ending && !ending.done());
    return false;
  }
  static void report_problem(event_loop& first) {
    report r;
    r.message = "error in the shutdown of gyre::run()";
    r.exception = std::current_exception();
    first.core().report_error(std::move(r));
  }
  static bool is_stop(const std::exception_ptr& thrown) noexcept {
    const auto* e = caught_as<error>(thrown);
    return e != nullptr && std::string_view(e->what()) == "Event loop stopped before Future completed.";
  }

  run_options options_;
  std::shared_ptr<event_loop> made_;
  std::shared_ptr<runtime_core> runtime_;
  std::optional<context> context_;
  int interrupts_ = 0;  // SIGINTs that the last main got
  bool stuck_ = false;
  bool closed_ = false;
};

}  // namespace detail

runner::runner(run_options options) : core_(std::make_unique<detail::runner_core>(std::move(options))) {}

runner::~runner() {
  if (detail::is_forked()) {
    static_cast<void>(core_.release());  // nobody is left to join
  } else {
    close();
  }
}

event_loop& runner::get_loop() { return core_->loop(); }

event_loop& runner::prepare() {
  if (detail::this_thread().loop != nullptr) {
    throw already_running("run() cannot be called from a running event loop");
  }
  return core_->loop();
}

const context& runner::own_context() const noexcept { return core_->own_context(); }

void runner::finish(detail::future_core& main) {
  event_loop& loop = core_->loop();
  auto& record = static_cast<detail::own_task&>(main);
  if (!loop.core().asyncio_order()) record.state.set_flags(detail::task_bits::main);
  detail::interrupt_guard interrupt(loop.core(), main);
  try {
    loop.run_until_complete_core(main);
  } catch (const would_deadlock&) {
    core_->note_stuck(core_->loop());
    throw;
  } catch (const error&) {
    core_->note_interrupts(interrupt.end());
    if (interrupt.count() > 1) throw keyboard_interrupt();
    throw;
  }
  core_->note_interrupts(interrupt.end());
  if (interrupt.count() > 0 && main.outcome() == detail::future_core::status::cancelled && record.uncancel() == 0) {
    throw keyboard_interrupt();
  }
}

void runner::close() {
  if (core_->closed()) return;
  detail::refuse_if_forked("runner::close");
  if (core_->begun() && detail::this_thread().loop != nullptr) {
    throw would_deadlock("runner::close() cannot be called from a running event loop");
  }
  core_->close();
}

}  // namespace gyre
