// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <iterator>

namespace conformance {
namespace {

namespace json = boost::json;

constexpr std::string_view own_mark = "*";          // tasks of the interpreter
constexpr std::string_view unnamed_mark = "Task-";  // tasks that nobody has named yet

object make_object(const object_spec& spec, gyre::event_loop& loop) {
  const auto size = static_cast<std::ptrdiff_t>(spec.size);
  if (spec.kind == "lock") return std::make_unique<gyre::lock>();
  if (spec.kind == "event") return std::make_unique<gyre::event>();
  if (spec.kind == "condition") return std::make_unique<gyre::condition>();
  if (spec.kind == "semaphore") return std::make_unique<gyre::semaphore>(size);
  if (spec.kind == "bounded_semaphore") {
    return std::unique_ptr<gyre::semaphore>(std::make_unique<gyre::bounded_semaphore>(size));
  }
  if (spec.kind == "barrier") return std::make_unique<gyre::barrier>(size);
  if (spec.kind == "queue") return std::make_unique<gyre::queue<value>>(size);
  if (spec.kind == "priority_queue") return std::make_unique<gyre::priority_queue<value, value_order>>(size);
  if (spec.kind == "lifo_queue") return std::make_unique<gyre::lifo_queue<value>>(size);
  if (spec.kind == "future") return std::make_unique<gyre::future<value>>(loop.create_future<value>());
  throw std::runtime_error("unknown kind of object: " + spec.kind);
}

// The callbacks of a block become actors, too: their names stand in the trace.
void collect_callbacks(const block& ops, std::vector<std::string>& names) {
  for (const op& each : ops) {
    if (each.does != nullptr && each.does->name == "call_later") names.push_back(each.name);
    for (const block* inner : {&each.body, &each.handler, &each.last}) collect_callbacks(*inner, names);
  }
}

value array_of(const std::vector<std::string>& names) {
  json::array all;
  for (const std::string& each : names) all.emplace_back(each);
  return value(std::move(all));
}

}  // namespace

bool value_order::operator()(const value& a, const value& b) const {
  if (a.is_string() && b.is_string()) return a.as_string() < b.as_string();
  return a.to_number<double>() < b.to_number<double>();
}

world::world(const scenario& played, const gyre::testing::simulation& clock, counts& into)
    : program(played), sums(into), clock_(clock) {
  for (const auto& [name, part] : played.tasks) {
    actors_.try_emplace(name, *this, name, &part);
    std::vector<std::string> callbacks;
    collect_callbacks(part.ops, callbacks);
    for (const std::string& each : callbacks) actors_.try_emplace(each, *this, each, nullptr);
  }
}

// --- events -----------------------------------------------------------------------------------------------------------
void world::add_event(const std::string& who, const char* event, value v) {
  if (over_) return;
  events_.emplace_back(clock_.elapsed() / tick, who, event, std::move(v));
}

void world::note(const actor& who, const char* event, value v) { add_event(who.name, event, std::move(v)); }

void world::note_all(const char* event, value v) { add_event("*", event, std::move(v)); }

void world::note_end(actor& who) {
  who.state = actor::life::ended;
  if (who.shown.cancelled()) {
    note(who, "end", value("cancelled"));
  } else if (const std::exception_ptr error = who.shown.exception(); error != nullptr) {
    note(who, "end", value(std::string("error ").append(name_of(error))));
  } else {
    json::array end;
    end.emplace_back("return");
    end.push_back(who.typed ? who.typed.result() : who.result);
    note(who, "end", value(std::move(end)));
  }
}

void world::end() {
  over_ = true;
  for (const auto& [name, each] : objects_) {  // errors that nobody took are not to be reported
    const auto* made = std::get_if<std::unique_ptr<gyre::future<value>>>(&each);
    if (made != nullptr && (*made)->done() && !(*made)->cancelled()) static_cast<void>((*made)->exception());
  }
}

// --- tasks ------------------------------------------------------------------------------------------------------------
actor& world::actor_of(const std::string& name) {
  const auto known = actors_.find(name);
  if (known == actors_.end()) throw gyre::lookup_error("no task or callback is called " + name);
  return known->second;
}

actor* world::aimed_at(actor& me, const op& o) {
  actor& target = o.task == "self" ? me : actor_of(o.task);
  return target.shown ? &target : nullptr;
}

const gyre::task<value>& world::task(const std::string& name) {
  actor& named = actor_of(name);
  if (named.state == actor::life::unborn) enlist(named, gyre::create_task(live(named), options_for(named)));
  if (!named.typed) throw std::logic_error("the interpreter has no handle of " + name);
  return named.typed;
}

std::vector<gyre::task<value>> world::tasks_of(const op& o) {
  std::vector<gyre::task<value>> all;
  for (const std::string& each : o.tasks) all.push_back(task(each));
  return all;
}

gyre::task_options world::options_for(const actor& who) const {
  gyre::task_options options;
  options.name = who.name;
  options.pin = places.pinned_to != nullptr;
  options.loop = places.pinned_to;
  options.eager_start = program.eager && who.name != "main";  // main is made before the loop runs
  return options;
}

void world::enlist(actor& who, gyre::task<value> made) {
  if (who.state == actor::life::unborn) who.state = actor::life::fresh;  // an eager one has begun
  who.shown = made;
  who.typed = std::move(made);
  who.typed.add_done_callback([&who](const gyre::task<value>&) { who.in.note_end(who); });
}

void world::enlist_running(actor& who) {
  who.shown = gyre::current_task();
  who.shown.set_name(who.name);
  who.shown.add_done_callback([&who](const gyre::any_task&) { who.in.note_end(who); });
}

std::vector<std::pair<std::string, gyre::any_task>> world::by_name(const gyre::task_set& tasks) const {
  std::vector<std::pair<std::string, gyre::any_task>> named, unnamed;
  for (const gyre::any_task& each : tasks) {
    std::string name = each.get_name();
    if (name.starts_with(own_mark)) continue;
    (name.starts_with(unnamed_mark) ? unnamed : named).emplace_back(std::move(name), each);
  }
  std::map<std::uint64_t, std::string> fresh;
  for (const auto& [name, who] : actors_) {
    if (who.state == actor::life::fresh && !who.shown) fresh.emplace(who.number, name);
  }
  std::sort(unnamed.begin(), unnamed.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.size(), a.first) < std::pair(b.first.size(), b.first);  // Task-9 before Task-10
  });
  if (fresh.size() == unnamed.size()) {  // else their numbers stay: the trace will differ
    std::transform(fresh.begin(), fresh.end(), unnamed.begin(), unnamed.begin(),
                   [](const auto& known, const auto& task) { return std::pair(known.second, task.second); });
  }
  named.insert(named.end(), std::make_move_iterator(unnamed.begin()), std::make_move_iterator(unnamed.end()));
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return named;
}

value world::unfinished() const {
  std::vector<std::string> names;
  for (const auto& [name, who] : actors_) {
    if (who.part != nullptr && who.state != actor::life::unborn && who.state != actor::life::ended)
      names.push_back(name);
  }
  return array_of(names);
}

// --- objects ----------------------------------------------------------------------------------------------------------
void world::make_objects(gyre::event_loop& loop) {
  for (const auto& [name, spec] : program.objects) objects_.emplace(name, make_object(spec, loop));
}

object& world::object_of(const std::string& name) {
  const auto known = objects_.find(name);
  if (known == objects_.end()) throw gyre::lookup_error("no object is called " + name);
  return known->second;
}

gyre::timeout_scope& world::open_scope(const std::string& name, std::optional<std::int64_t> ticks) {
  all_scopes_.push_back(std::make_unique<gyre::timeout_scope>(duration_of(ticks)));
  return *(scopes_[name] = all_scopes_.back().get());
}

gyre::timeout_scope& world::scope(const std::string& name) {
  const auto known = scopes_.find(name);
  if (known == scopes_.end()) throw gyre::lookup_error("no time limit is called " + name);
  return *known->second;
}

void world::drop_scopes() {
  scopes_.clear();
  all_scopes_.clear();
}

gyre::task_group& world::open_group(const std::string& name) {
  all_groups_.push_back(std::make_unique<gyre::task_group>());
  return *(groups_[name] = all_groups_.back().get());
}

gyre::task_group* world::group(const std::string& name) {
  const auto known = groups_.find(name);
  return known == groups_.end() ? nullptr : known->second;
}

// --- bodies -----------------------------------------------------------------------------------------------------------
namespace {

// Notes the end of a child of a gather that does not ask for itself: its handle would tell, but then it would not be what
// a fork-join is made of. It is a parameter of the child's body, so it goes with the frame, begun or not.
class farewell {
 public:
  explicit farewell(actor& who) noexcept : who_(&who) {}
  farewell(farewell&& other) noexcept : who_(std::exchange(other.who_, nullptr)), error_(std::move(other.error_)) {}
  farewell& operator=(farewell&&) = delete;
  ~farewell() {
    if (who_ == nullptr || who_->shown || who_->in.over()) return;
    const bool begun = who_->state == actor::life::begun;
    who_->state = actor::life::ended;
    if (!begun || (error_ != nullptr && is_cancellation(error_))) {
      who_->in.note(*who_, "end", value("cancelled"));
    } else if (error_ != nullptr) {
      who_->in.note(*who_, "end", value(std::string("error ").append(name_of(error_))));
    } else {
      json::array end;
      end.emplace_back("return");
      end.push_back(who_->result);
      who_->in.note(*who_, "end", value(std::move(end)));
    }
  }
  void failed(std::exception_ptr error) noexcept { error_ = std::move(error); }

 private:
  actor* who_;
  std::exception_ptr error_;
};

gyre::coro<value> child_body(actor& me, farewell end) {
  // all_tasks and the order of asyncio need names; ops about the task itself need its handle.
  if (me.in.places.asyncio_order || me.in.program.lists_tasks || me.part->asks_for_itself) me.in.enlist_running(me);
  try {
    co_return co_await live(me);
  } catch (...) {
    end.failed(std::current_exception());
    throw;
  }
}

}  // namespace

gyre::coro<returned> perform(actor& me, const block& ops) {
  for (const op& each : ops) {
    me.in.step();
    if (each.does == nullptr) co_return returned(each.v);
    if (each.does->at_once != nullptr) {
      each.does->at_once(me, each);
    } else if (each.does->waits != nullptr) {
      co_await each.does->waits(me, each);
    } else {
      returned result = co_await each.does->encloses(me, each);
      if (result) co_return result;
    }
  }
  co_return returned();
}

gyre::coro<value> live(actor& me) {
  me.state = actor::life::begun;
  me.in.note(me, "start");
  returned result = co_await perform(me, me.part->ops);
  if (result) me.result = std::move(*result);
  co_return me.result;
}

gyre::coro<value> live_as_main(actor& me) {
  me.in.enlist_running(me);
  co_return co_await live(me);
}

gyre::coro<value> live_as_child(actor& me) {
  me.state = actor::life::fresh;
  me.number = me.in.next_number();
  return child_body(me, farewell(me));
}

}  // namespace conformance
