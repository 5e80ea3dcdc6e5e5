// SPDX-License-Identifier: BSL-1.0
#pragma once
// One run of one scenario: its tasks, objects, scopes and events.  Bodies: world.cpp
#include "errors.hpp"
#include "trace.hpp"

#include <gyre/testing.hpp>

#include <chrono>
#include <variant>

namespace conformance {

/// A tick in virtual time: longer than anything that loops round up to or look at each other for.
inline constexpr std::chrono::seconds tick{1};

[[nodiscard]] inline std::optional<std::chrono::nanoseconds> duration_of(std::optional<std::int64_t> ticks) {
  if (!ticks) return std::nullopt;
  return *ticks * tick;
}

/// The order in which a priority queue gives values: numbers by size, texts by letters.
struct value_order {
  bool operator()(const value& a, const value& b) const;
};

using object =
    std::variant<std::unique_ptr<gyre::lock>, std::unique_ptr<gyre::event>, std::unique_ptr<gyre::condition>,
                 std::unique_ptr<gyre::semaphore>, std::unique_ptr<gyre::barrier>, std::unique_ptr<gyre::queue<value>>,
                 std::unique_ptr<gyre::priority_queue<value, value_order>>, std::unique_ptr<gyre::lifo_queue<value>>,
                 std::unique_ptr<gyre::future<value>>>;

class world;

/// Who performs ops: a task of the scenario, or a callback.
struct actor {
  enum class life : std::uint8_t { unborn, fresh, begun, ended };

  actor(world& where, std::string called, const role* play) : in(where), name(std::move(called)), part(play) {}
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;

  world& in;
  std::string name;
  const role* part;  // null for a callback
  life state = life::unborn;
  gyre::any_task shown;      // its handle; empty for a coroutine given to gather that does not ask for itself
  gyre::task<value> typed;   // the same with the value; empty for such coroutines, and for a main that run() was given
  value result;              // of a body that has returned
  std::uint64_t number = 0;  // counts the coroutines given to gather
};

/// How the tasks of a run are placed.
struct placement {
  placement() = default;
  bool asyncio_order = true;
  gyre::event_loop* pinned_to = nullptr;  // every task there
};

/// What was run, over all scenarios.
struct counts {
  counts() = default;
  std::uint64_t gathers = 0;
  std::uint64_t of_coroutines = 0;  // gathers that were given coroutines
};

class world {
 public:
  world(const scenario& program, const gyre::testing::simulation& clock, counts& sums);

  // --- events ---
  void note(const actor& who, const char* event, value v = value());
  void note_all(const char* event, value v);  // for `*`, which is nobody
  void note_end(actor& who);
  /// From here on nothing is noted: what still runs is being torn down.
  void end();
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] std::vector<trace_event> take_events() { return std::move(events_); }

  // --- tasks ---
  [[nodiscard]] actor& actor_of(const std::string& name);
  /// The one that an op is aimed at; null if it has not been made.
  [[nodiscard]] actor* aimed_at(actor& me, const op& o);
  [[nodiscard]] bool is_made(const std::string& name) { return actor_of(name).state != actor::life::unborn; }
  /// The task of that name; this mention makes it if none came before.
  const gyre::task<value>& task(const std::string& name);
  [[nodiscard]] std::vector<gyre::task<value>> tasks_of(const op& o);
  /// From here on the task is known by its name, and its end is noted.
  void enlist(actor& who, gyre::task<value> made);
  void enlist_running(actor& who);
  [[nodiscard]] gyre::task_options options_for(const actor& who) const;
  /// Names of tasks, sorted, and those handles in that order. Coroutines that a gather has not begun yet have no names of
  /// their own; tasks of the interpreter, whose names begin with `*`, are left out.
  [[nodiscard]] std::vector<std::pair<std::string, gyre::any_task>> by_name(const gyre::task_set& tasks) const;
  [[nodiscard]] value unfinished() const;

  [[nodiscard]] std::uint64_t next_number() noexcept { return ++last_number_; }

  // --- objects, scopes, variables ---
  void make_objects(gyre::event_loop& loop);
  template <class Kind>
  [[nodiscard]] Kind& get(const std::string& name) {
    return *std::get<std::unique_ptr<Kind>>(object_of(name));
  }
  [[nodiscard]] object& object_of(const std::string& name);
  gyre::timeout_scope& open_scope(const std::string& name, std::optional<std::int64_t> ticks);
  [[nodiscard]] gyre::timeout_scope& scope(const std::string& name);
  void drop_scopes();
  gyre::task_group& open_group(const std::string& name);
  [[nodiscard]] gyre::task_group* group(const std::string& name);
  [[nodiscard]] std::int64_t& variable(const std::string& name) { return variables_[name]; }

  /// Called before each op: something for other loops to do.
  void step() {
    if (pulse != nullptr) pulse->set();
  }

  const scenario& program;
  placement places;
  gyre::event* pulse = nullptr;
  counts& sums;

 private:
  void add_event(const std::string& who, const char* event, value v);

  const gyre::testing::simulation& clock_;
  std::map<std::string, actor> actors_;
  std::map<std::string, object> objects_;
  // Scopes and groups live to the end: an op may name one that was left long ago.
  std::vector<std::unique_ptr<gyre::timeout_scope>> all_scopes_;
  std::vector<std::unique_ptr<gyre::task_group>> all_groups_;
  std::map<std::string, gyre::timeout_scope*> scopes_;
  std::map<std::string, gyre::task_group*> groups_;
  std::map<std::string, std::int64_t> variables_;
  std::vector<trace_event> events_;
  std::uint64_t last_number_ = 0;
  bool over_ = false;
};

/// Performs ops in order, up to a `return`.
[[nodiscard]] gyre::coro<returned> perform(actor& me, const block& ops);

/// The body of a task.
[[nodiscard]] gyre::coro<value> live(actor& me);

/// The body of a main that run() itself was given, which has to introduce itself.
[[nodiscard]] gyre::coro<value> live_as_main(actor& me);

/// The body of a task for gather(), unstarted.
[[nodiscard]] gyre::coro<value> live_as_child(actor& me);

}  // namespace conformance
