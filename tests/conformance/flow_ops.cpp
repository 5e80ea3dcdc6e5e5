// SPDX-License-Identifier: BSL-1.0
// Ops that wait for tasks, limit the time and group tasks.
#include "ops.hpp"

namespace conformance {
namespace {

namespace json = boost::json;

gyre::coro<> await_one(actor& me, const op& o) {
  const gyre::task<value> awaited = me.in.task(o.task);
  value result = co_await awaited;
  me.in.note(me, "await", pair_of(o.task, std::move(result)));
}

// --- gather -----------------------------------------------------------------------------------------------------------
value shown_result(const value& v) { return v; }
value shown_result(const gyre::result<value>& r) { return r.has_value() ? r.value() : shown(r.exception()); }

template <class Each>
value shown_results(const std::vector<Each>& all) {
  json::array results;
  for (const Each& each : all) results.push_back(shown_result(each));
  return value(std::move(results));
}

template <class... Each>
value shown_results(const std::tuple<Each...>& all) {
  json::array results;
  std::apply([&results](const Each&... each) { (results.push_back(shown_result(each)), ...); }, all);
  return value(std::move(results));
}

// Both forms of gather are used: with separate arguments for two or three, else with a vector.
template <class Child, class... Mode>
gyre::coro<value> gather_all(std::vector<Child> all, Mode... mode) {
  if (all.size() == 2) {
    const auto results = co_await gyre::gather(mode..., std::move(all[0]), std::move(all[1]));
    co_return shown_results(results);
  }
  if (all.size() == 3) {
    const auto results = co_await gyre::gather(mode..., std::move(all[0]), std::move(all[1]), std::move(all[2]));
    co_return shown_results(results);
  }
  const auto results = co_await gyre::gather(mode..., std::move(all));
  co_return shown_results(results);
}

template <class Child>
gyre::coro<value> gather_as_asked(std::vector<Child> all, bool collects_errors) {
  if (collects_errors) return gather_all(std::move(all), gyre::return_exceptions);
  return gather_all(std::move(all));
}

gyre::coro<> gather(actor& me, const op& o) {
  ++me.in.sums.gathers;
  value results;
  if (o.of_strangers) {
    ++me.in.sums.of_coroutines;
    std::vector<gyre::coro<value>> children;
    for (const std::string& each : o.tasks) children.push_back(live_as_child(me.in.actor_of(each)));
    results = co_await gather_as_asked(std::move(children), o.collects_errors);
  } else {
    std::vector<gyre::task<value>> children = me.in.tasks_of(o);
    results = co_await gather_as_asked(std::move(children), o.collects_errors);
  }
  me.in.note(me, "gather", std::move(results));
}

// --- wait, wait_for, shield, as_completed -----------------------------------------------------------------------------
gyre::return_when_t return_when_of(const std::string& name) {
  if (name == "FIRST_COMPLETED") return gyre::first_completed;
  if (name == "FIRST_EXCEPTION") return gyre::first_exception;
  if (name == "ALL_COMPLETED") return gyre::all_completed;
  throw gyre::value_error("Invalid return_when value: " + name);
}

value names_of(const gyre::basic_task_set<gyre::task<value>>& tasks) {
  std::map<std::string, int> sorted;
  for (const gyre::task<value>& each : tasks) ++sorted[each.get_name()];
  json::array names;
  for (const auto& [name, count] : sorted) names.emplace_back(name);
  return value(std::move(names));
}

gyre::coro<> wait(actor& me, const op& o) {
  gyre::wait_options options;
  options.timeout = duration_of(o.ticks);
  options.return_when = return_when_of(o.return_when);
  std::vector<gyre::task<value>> tasks = me.in.tasks_of(o);
  const auto sets = co_await gyre::wait(std::move(tasks), options);
  me.in.note(me, "wait", pair_of(names_of(sets.done), names_of(sets.pending)));
}

gyre::coro<> wait_for(actor& me, const op& o) {
  const gyre::task<value> awaited = me.in.task(o.task);
  value result = co_await gyre::wait_for(awaited, duration_of(o.ticks));
  me.in.note(me, "wait_for", pair_of(o.task, std::move(result)));
}

gyre::coro<> shield(actor& me, const op& o) {
  const gyre::task<value> awaited = me.in.task(o.task);
  value result = co_await gyre::shield(awaited);
  me.in.note(me, "shield", pair_of(o.task, std::move(result)));
}

value result_or_error(const gyre::task<value>& done) {
  try {
    return pair_of(value("value"), done.result());
  } catch (const raised_error&) {
    return shown(std::current_exception());
  } catch (const gyre::exception_group&) {
    return shown(std::current_exception());
  }
}

gyre::coro<> as_completed(actor& me, const op& o) {
  auto coming = gyre::as_completed(me.in.tasks_of(o), duration_of(o.ticks));
  for (;;) {
    const std::optional<gyre::task<value>> done = co_await coming.next();
    if (!done) co_return;
    me.in.note(me, "next", result_or_error(*done));
  }
}

// --- scopes -----------------------------------------------------------------------------------------------------------
gyre::coro<returned> limit(actor& me, const op& o) {
  gyre::timeout_scope& scope = me.in.open_scope(o.name, o.ticks);
  const auto body = [&me, &o] { return perform(me, o.body); };
  returned result;
  std::exception_ptr error;
  try {
    result = co_await gyre::with(scope, body);
  } catch (...) {
    error = std::current_exception();
  }
  me.in.note(me, "timeout", pair_of(o.name, value(scope.expired())));
  if (error != nullptr) std::rethrow_exception(error);
  co_return result;
}

void reschedule(actor& me, const op& o) {
  std::optional<gyre::event_loop::time_point> when;
  if (o.ticks) when = gyre::get_running_loop().now() + *o.ticks * tick;
  me.in.scope(o.name).reschedule(when);
}

gyre::coro<returned> group(actor& me, const op& o) {
  gyre::task_group& opened = me.in.open_group(o.name);
  const auto body = [&me, &o] { return perform(me, o.body); };
  returned result = co_await gyre::with(opened, body);
  me.in.note(me, "task_group", value(o.name));
  co_return result;
}

constexpr meaning table[] = {
    waits("await", &await_one),   waits("gather", &gather),           waits("wait", &wait),
    waits("wait_for", &wait_for), waits("shield", &shield),           waits("as_completed", &as_completed),
    encloses("timeout", &limit),  at_once("reschedule", &reschedule), encloses("task_group", &group)};

}  // namespace

std::span<const meaning> flow_ops() { return table; }

}  // namespace conformance
