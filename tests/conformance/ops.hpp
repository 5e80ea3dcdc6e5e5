// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the ops mean, family by family: a table each. README.md says the same in words.  Table of all: ops.cpp
#include "world.hpp"

#include <boost/json/array.hpp>

#include <span>

namespace conformance {

[[nodiscard]] std::span<const meaning> body_ops();    // body_ops.cpp: emit, sleep, try, ...
[[nodiscard]] std::span<const meaning> task_ops();    // task_ops.cpp: create, cancel, inspect, ...
[[nodiscard]] std::span<const meaning> flow_ops();    // flow_ops.cpp: await, gather, wait, timeout, task_group, ...
[[nodiscard]] std::span<const meaning> object_ops();  // object_ops.cpp: locks, events, conditions, barriers, futures
[[nodiscard]] std::span<const meaning> queue_ops();   // queue_ops.cpp

/// `[a, b]`: most events hold such a pair.
[[nodiscard]] inline value pair_of(value a, value b) {
  boost::json::array both;
  both.push_back(std::move(a));
  both.push_back(std::move(b));
  return value(std::move(both));
}
[[nodiscard]] inline value pair_of(const std::string& name, value b) { return pair_of(value(name), std::move(b)); }

// A row of a table.
[[nodiscard]] constexpr meaning at_once(std::string_view name, void (*f)(actor&, const op&)) {
  meaning m;
  m.name = name;
  m.at_once = f;
  return m;
}
[[nodiscard]] constexpr meaning waits(std::string_view name, gyre::coro<> (*f)(actor&, const op&)) {
  meaning m;
  m.name = name;
  m.waits = f;
  return m;
}
[[nodiscard]] constexpr meaning encloses(std::string_view name, gyre::coro<returned> (*f)(actor&, const op&)) {
  meaning m;
  m.name = name;
  m.encloses = f;
  return m;
}

}  // namespace conformance
