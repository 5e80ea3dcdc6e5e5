// SPDX-License-Identifier: BSL-1.0
#include "../loop/loop_core.hpp"
#include "../loop/wait_report.hpp"

#include <gyre/base/text.hpp>
#include <gyre/debug/wait_graph.hpp>

#include <algorithm>

namespace gyre {
namespace {

// Which tasks may still go on by themselves, as far as the graph tells: the smallest set that is closed under "what it needs
// may go on".
class hope {
 public:
  explicit hope(const wait_graph& graph) : may_go_on_(graph.tasks.size(), false) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < may_go_on_.size(); ++i) {
        if (may_go_on_[i] || !has_reason(graph.tasks[i])) continue;
        may_go_on_[i] = changed = true;
      }
    }
  }
  [[nodiscard]] bool lost_for(std::size_t i) const { return !may_go_on_[i]; }

 private:
  [[nodiscard]] bool has_reason(const wait_graph_node& node) const {
    const bool needs_tasks = node.waits_for == wait_subject::task || node.waits_for == wait_subject::several ||
                             node.waits_for == wait_subject::lock;
    if (!needs_tasks || node.limited || node.on.empty() || (node.any && node.more)) return true;
    const auto goes_on = [this](std::size_t i) { return bool(may_go_on_[i]); };
    return node.any ? std::any_of(node.on.begin(), node.on.end(), goes_on)
                    : std::all_of(node.on.begin(), node.on.end(), goes_on);
  }

  std::vector<bool> may_go_on_;
};

// Each task that is lost needs another one that is: the way along these ends in a circle.
class circle_finder {
 public:
  circle_finder(const wait_graph& graph, const hope& left)
      : graph_(graph), left_(left), found_by_(graph.tasks.size(), none) {}

  std::vector<deadlock> find() {
    for (std::size_t i = 0; i < graph_.tasks.size(); ++i) {
      if (left_.lost_for(i)) walk_from(i);
    }
    for (std::size_t i = 0; i < graph_.tasks.size(); ++i) add_behind(i);
    return std::move(found_);
  }

 private:
  static constexpr std::size_t none = SIZE_MAX;

  [[nodiscard]] std::size_t next_of(std::size_t i) const {
    const std::vector<std::size_t>& on = graph_.tasks[i].on;
    return *std::find_if(on.begin(), on.end(), [this](std::size_t k) { return left_.lost_for(k); });
  }

  void walk_from(std::size_t start) {
    std::vector<std::size_t> way;
    std::size_t at = start;
    for (; found_by_[at] == none; at = next_of(at)) {
      if (const auto met = std::find(way.begin(), way.end(), at); met != way.end()) {
        std::rotate(met, std::min_element(met, way.end()), way.end());
        found_.push_back(deadlock{std::vector<std::size_t>(met, way.end()), {}});
        for (const std::size_t i : way) found_by_[i] = found_.size() - 1;
        return;
      }
      way.push_back(at);
    }
    for (const std::size_t i : way) found_by_[i] = found_by_[at];
  }

  void add_behind(std::size_t i) {
    if (found_by_[i] == none) return;
    deadlock& d = found_[found_by_[i]];
    if (std::find(d.circle.begin(), d.circle.end(), i) == d.circle.end()) d.behind.push_back(i);
  }

  const wait_graph& graph_;
  const hope& left_;
  std::vector<std::size_t> found_by_;  // the position of the deadlock that a task is in or behind
  std::vector<deadlock> found_;
};

std::string quoted(const std::string& name) {
  std::string out;
  detail::append_quoted(out, name);
  return out;
}

void append_names(std::string& out, const wait_graph& graph, const std::vector<std::size_t>& tasks) {
  for (std::size_t k = 0; k < tasks.size(); ++k) {
    if (k != 0) out += ", ";
    out += quoted(graph.tasks[tasks[k]].name);
  }
}

void append_wait(std::string& out, const wait_graph& graph, const wait_graph_node& node) {
  switch (node.waits_for) {
    case wait_subject::nothing:
      out += " runs, or is about to";
      return;
    case wait_subject::task:
    case wait_subject::several:
      out += node.on.empty() ? " awaits futures" : " awaits ";
      append_names(out, graph, node.on);
      if (!node.on.empty() && node.more) out += " and futures";
      return;
    case wait_subject::future:
      out += " awaits " + node.subject;
      return;
    case wait_subject::thread:
      out += " waits for a thread: " + node.subject;
      return;
    case wait_subject::lock:
      out += " waits for " + node.subject + (node.holder.empty() ? "" : ", held by " + node.holder);
      return;
    case wait_subject::queue_item:
      out += " waits for an item of " + node.subject;
      return;
    case wait_subject::queue_room:
      out += " waits for room in " + node.subject;
      return;
    case wait_subject::queue_end:
      out += " waits until all items of " + node.subject + " are done";
      return;
    case wait_subject::timer:
      out += " waits for a timer";
      return;
    case wait_subject::io:
      out += " waits for I/O";
      return;
    case wait_subject::unknown:
      out += " waits";
      return;
    default:
      out += " waits for " + node.subject;
      return;
  }
}

void append_place(std::string& out, const frame_call_graph_entry& entry) {
  out += " at ";
  detail::append_place(out, entry.where());
  out += " in ";
  out += entry.name();
  out += "()";
}

void append_node(std::string& out, const wait_graph& graph, const wait_graph_node& node) {
  out += quoted(node.name) + " (loop " + std::to_string(node.loop) + ')';
  append_wait(out, graph, node);
  if (node.limited) out += ", for a limited time";
  for (std::size_t i = 0; i < node.call_stack.size(); ++i) {
    out += i == 0 ? "," : "\n    awaited";
    append_place(out, node.call_stack[i]);
  }
  out += '\n';
}

void append_deadlock(std::string& out, const wait_graph& graph, const deadlock& d) {
  out += "deadlock: ";
  for (const std::size_t i : d.circle) {
    const wait_graph_node& node = graph.tasks[i];
    out += quoted(node.name) + " -> ";
    if (node.waits_for == wait_subject::lock) out += node.subject + " -> ";
  }
  out += quoted(graph.tasks[d.circle.front()].name) + '\n';
  if (d.behind.empty()) return;
  out += "    behind it: ";
  append_names(out, graph, d.behind);
  out += '\n';
}

}  // namespace

std::vector<deadlock> find_deadlocks(const wait_graph& graph) {
  const hope left(graph);
  return circle_finder(graph, left).find();
}

std::string format_wait_graph(const wait_graph& graph) {
  std::string out;
  for (const wait_graph_node& each : graph.tasks) append_node(out, graph, each);
  for (const deadlock& each : find_deadlocks(graph)) append_deadlock(out, graph, each);
  return out;
}

std::string format_wait_graph(event_loop& loop) { return format_wait_graph(capture_wait_graph(loop)); }

void print_wait_graph(event_loop& loop, std::FILE* file) { std::fputs(format_wait_graph(loop).c_str(), file); }

namespace detail {

waits_report describe_waits(loop_core& any_loop) {
  const wait_graph graph = capture_wait_graph(any_loop.as_loop());
  waits_report report;
  report.text = format_wait_graph(graph);
  if (!report.text.empty()) report.text.pop_back();  // the end of the last line
  report.will_change = std::any_of(graph.tasks.begin(), graph.tasks.end(), [](const wait_graph_node& each) {
    const wait_subject what = each.waits_for;
    return what == wait_subject::nothing || what == wait_subject::timer || what == wait_subject::io ||
           what == wait_subject::thread;
  });
  return report;
}

std::string describe_deadlock(loop_core& any_loop) {
  return "deadlock: nothing can run, no timer is set and nothing else can come\n" + describe_waits(any_loop).text;
}

}  // namespace detail
}  // namespace gyre
