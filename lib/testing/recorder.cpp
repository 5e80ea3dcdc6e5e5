// SPDX-License-Identifier: BSL-1.0
#include "recorder.hpp"

#include "../loop/loop_core.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/task_record.hpp>

#include <utility>

namespace gyre::testing {
namespace {

const char* verb(detail::trace_event event) noexcept {
  switch (event) {
    case detail::trace_event::created:
      return "creates ";
    case detail::trace_event::step:
      return "runs ";
    case detail::trace_event::stolen:
      return "steals ";
    case detail::trace_event::woken:
      return "wakes ";
    case detail::trace_event::cancelled:
      return "cancels ";
    case detail::trace_event::done:
      return "ends ";
  }
  return "";
}

// 12.345678901 s, without the zeros at the end
void append_seconds(std::string& out, std::int64_t ns) {
  detail::append_double(out, static_cast<double>(ns) * 1e-9);
  out += " s";
}

}  // namespace

void recorder::note(std::int64_t time, std::string what) {
  std::string line;
  append_seconds(line, time);
  line += "  ";
  line += what;
  lines_.push_back(std::move(line));
  if (lines_.size() <= most_lines) return;
  lines_.pop_front();
  ++dropped_;
}

void recorder::note(std::int64_t time, detail::trace_event event, detail::task_core& t) {
  std::string what = "loop ";
  detail::append_unsigned(what, static_cast<detail::loop_core&>(t.at()).index);
  what += ' ';
  what += verb(event);
  what += detail::core_ref<detail::task_record>(t.type->record(t))->name();
  if (event == detail::trace_event::step || event == detail::trace_event::stolen) {
    const std::source_location& line = t.innermost().line;
    what += " in ";
    what += detail::coroutine_name(line.function_name());
    what += "() at ";
    what += line.file_name();
    what += ':';
    detail::append_unsigned(what, line.line());
  }
  note(time, std::move(what));
}

std::string recorder::text() const {
  std::string all;
  if (dropped_ != 0) {
    all += "  (";
    detail::append_unsigned(all, dropped_);
    all += " events before)\n";
  }
  for (const std::string& line : lines_) {
    all += "  ";
    all += line;
    all += '\n';
  }
  return all;
}

}  // namespace gyre::testing
