// SPDX-License-Identifier: BSL-1.0
// One run, in the order of asyncio.run(): main, then what it leaves is cancelled and waited for.
#include "run.hpp"

namespace conformance {
namespace {

using gyre::event_loop;

// Errors of tasks are in the trace; what the teardown of a deadlocked run leaves behind is nobody's concern.
void keep_quiet(event_loop& loop) {
  loop.set_exception_handler([](event_loop&, const gyre::exception_context&) {});
}

// Waits for tasks that were cancelled, and then until nothing can run: the clock moves only then.
gyre::coro<> see_end_of(std::vector<gyre::any_task> left) {
  if (!left.empty()) static_cast<void>(co_await gyre::wait(std::move(left)));
  co_await gyre::sleep(std::chrono::nanoseconds(1));
}

std::vector<gyre::any_task> cancel_all(const world& in, const gyre::task_set& tasks) {
  std::vector<gyre::any_task> left;
  for (auto& [name, task] : in.by_name(tasks)) left.push_back(task);
  for (const gyre::any_task& each : left) each.cancel();
  return left;
}

// --- one loop, asyncio's order ----------------------------------------------------------------------------------------
// As asyncio.run() itself: what happens between the runs of the loop happens outside of tasks.
void run_like_asyncio(world& in, gyre::runner& r) {
  event_loop& loop = r.get_loop();
  keep_quiet(loop);
  in.make_objects(loop);
  actor& main = in.actor_of("main");
  in.enlist(main, loop.create_task(live(main), in.options_for(main)));
  try {
    loop.run_until_complete(main.typed);
  } catch (...) {
    if (!main.shown.done()) throw;  // a deadlock; main's own end is in the trace
  }
  gyre::task_options own;
  own.name = "*";
  loop.run_until_complete(loop.create_task(see_end_of(cancel_all(in, gyre::all_tasks(loop))), own));
}

// --- several loops ----------------------------------------------------------------------------------------------------
void prepare(world& in) {
  const auto runtime = gyre::current_runtime();
  for (int i = 0; i < runtime.loop_count(); ++i) keep_quiet(runtime.loop(i));
  in.make_objects(runtime.loop(0));
}

gyre::coro<> run_main_as_task(world& in) {
  actor& main = in.actor_of("main");
  in.enlist(main, gyre::create_task(live(main), in.options_for(main)));
  std::vector<gyre::any_task> only;
  only.push_back(main.shown);
  static_cast<void>(co_await gyre::wait(std::move(only)));
}

void name_own_task() { gyre::current_task().set_name("*"); }

gyre::coro<value> be_main(world& in) {
  prepare(in);
  co_return co_await live_as_main(in.actor_of("main"));
}

gyre::coro<> supervise(world& in) {
  name_own_task();
  prepare(in);
  co_await run_main_as_task(in);
}

// Yields for some turns whenever the scenario has taken a step.
gyre::coro<> keep_busy(gyre::event& pulse) {
  constexpr int turns = 8;
  for (;;) {
    co_await pulse.wait();
    pulse.clear();
    for (int i = 0; i < turns; ++i) co_await gyre::sleep(std::chrono::nanoseconds(0));
  }
}

gyre::coro<> supervise_pinned(world& in, gyre::event& pulse, std::uint64_t seed) {
  name_own_task();
  prepare(in);
  const auto runtime = gyre::current_runtime();
  const int own = static_cast<int>(seed % static_cast<std::uint64_t>(runtime.loop_count()));
  in.places.pinned_to = &runtime.loop(own);
  for (int i = 0; i < runtime.loop_count(); ++i) {
    if (i == own) continue;
    gyre::task_options options;
    options.name = "*busy";
    options.pin = true;
    options.loop = &runtime.loop(i);
    gyre::create_task(keep_busy(pulse), options);
  }
  in.pulse = &pulse;
  co_await run_main_as_task(in);
}

gyre::coro<> end_all(world& in) {
  name_own_task();
  std::vector<gyre::any_task> left = cancel_all(in, gyre::all_tasks());
  co_await see_end_of(std::move(left));
}

void run_main_on_many(world& in, gyre::runner& r, gyre::event& pulse, std::uint64_t seed) {
  if (in.program.order == reliance::step) {
    r.run(supervise_pinned(in, pulse, seed));
  } else if (seed % 2 == 0 || in.program.tasks.at("main").awaited_by_name) {
    r.run(supervise(in));
  } else {
    try {
      r.run(be_main(in));
    } catch (...) {
      if (!in.actor_of("main").shown.done()) throw;
    }
  }
}

void run_on_many(world& in, gyre::runner& r, gyre::event& pulse, std::uint64_t seed) {
  run_main_on_many(in, r, pulse, seed);
  r.run(end_all(in));
}

}  // namespace

std::vector<std::string> trace_of(const scenario& program, const run_plan& plan, counts& sums) {
  const gyre::testing::simulation clock(plan.seed);
  gyre::event pulse;
  world in(program, clock, sums);
  const int loops = program.order == reliance::fifo ? 1 : plan.loops;
  in.places.asyncio_order = loops == 1 && (program.order == reliance::fifo || !plan.fork_join);
  {
    gyre::run_options options;
    options.loops(loops);
    options.order(in.places.asyncio_order ? gyre::run_order::asyncio : gyre::run_order::fork_join);
    gyre::runner r(options);
    try {
      if (in.places.asyncio_order) {
        run_like_asyncio(in, r);
      } else {
        run_on_many(in, r, pulse, plan.seed);
      }
      in.note_all("finished", value());
    } catch (const gyre::would_deadlock&) {
      in.note_all("deadlock", in.unfinished());
    }
    in.end();
    r.close();
    in.drop_scopes();  // while the loops are there: a task that was destroyed inside its scope has not left it
  }
  return canonical_lines(in.take_events());
}

}  // namespace conformance
