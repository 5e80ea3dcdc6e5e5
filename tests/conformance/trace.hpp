// SPDX-License-Identifier: BSL-1.0
#pragma once
// Traces: what happened, in the canonical form in which two implementations compare.  Bodies: trace.cpp
#include "program.hpp"

namespace conformance {

struct trace_event {
  trace_event(std::int64_t when, std::string who, const char* happened, value with)
      : ticks(when), name(std::move(who)), event(happened), v(std::move(with)) {}

  std::int64_t ticks;
  std::string name;
  const char* event;
  value v;
};

/// A line for each event, sorted by instant and name; the events of one name keep their order.
[[nodiscard]] std::vector<std::string> canonical_lines(const std::vector<trace_event>& events);

/// A value as Python's json module writes it, compact and in ASCII.
void append_json(std::string& out, const value& v);
void append_json(std::string& out, std::string_view text);

/// SHA-256 of the lines, in hexadecimal.   Source: FIPS 180-4.
[[nodiscard]] std::string digest_of(const std::vector<std::string>& lines);

}  // namespace conformance
