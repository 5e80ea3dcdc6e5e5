// SPDX-License-Identifier: BSL-1.0
#pragma once
// A scenario as the interpreter runs it: ops with their meanings looked up, and which gathers may be given coroutines.
// Bodies: program.cpp
#include <boost/json/value.hpp>
#include <gyre/gyre.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conformance {

using value = boost::json::value;

struct actor;
struct op;
using block = std::vector<op>;

/// What a block that was performed came to: the value of a `return`, or nothing.
using returned = std::optional<value>;

/// What an op does: exactly one of these, each under the name of `me`.
struct meaning {
  std::string_view name;
  void (*at_once)(actor& me, const op& o) = nullptr;                   ///< never waits
  gyre::coro<> (*waits)(actor& me, const op& o) = nullptr;             ///< may wait
  gyre::coro<returned> (*encloses)(actor& me, const op& o) = nullptr;  ///< performs a block
};

/// One op. Keys that it does not use stay empty.
struct op {
  op() = default;

  const meaning* does = nullptr;  // null: `return`
  std::string task;               // "task"
  std::vector<std::string> tasks;
  std::string object;    // "obj"
  std::string name;      // of a scope, group or callback
  std::string variable;  // "var"
  std::string error;
  std::vector<std::string> catches;
  std::string return_when = "ALL_COMPLETED";
  std::optional<std::int64_t> ticks;  // "d" or "timeout"; empty: never
  std::optional<std::int64_t> count;  // "n"
  std::int64_t at_least = 0;          // "ge"
  bool collects_errors = false;       // "return_exceptions"
  bool rethrows = false;              // "reraise"
  bool immediate = false;
  value v;
  block body;  // "body", or "do" of a callback
  block handler;
  block last;  // "finally"

  bool of_strangers = false;  // a gather: nothing else in the scenario names its tasks
};

/// How a task of a scenario is to be run.
struct role {
  role() = default;
  block ops;
  bool asks_for_itself = false;  // an op of its own is about the task that performs it, or cancels somebody
  bool awaited_by_name = false;  // some op awaits it
};

struct object_spec {
  object_spec() = default;
  std::string kind;
  std::int64_t size = 0;  // "value", "parties", "maxsize"
};

/// On what its trace relies: see README.md.
enum class reliance : std::uint8_t { any, step, fifo };

struct scenario {
  scenario() = default;
  std::string id;
  reliance order = reliance::fifo;
  bool eager = false;
  bool lists_tasks = false;  // has an `all_tasks`
  std::map<std::string, object_spec> objects;
  std::map<std::string, role> tasks;
};

/// Reads a line.   Throws: std::runtime_error for what is no scenario.
[[nodiscard]] scenario parse_scenario(std::string_view line);

/// The meaning of an op's name.   Throws: std::runtime_error.   Its table: the *_ops.cpp.
[[nodiscard]] const meaning& meaning_of(std::string_view name);

}  // namespace conformance
