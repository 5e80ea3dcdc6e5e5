// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>
#include <gyre/debug/call_graph.hpp>

#include <algorithm>

namespace gyre {
namespace detail {
namespace {

using frames = std::vector<frame_call_graph_entry>;

// Builds a graph upwards, from what is awaited to who awaits.
class graph_builder {
 public:
  explicit graph_builder(std::optional<int> limit) noexcept : limit_(limit) {}

  [[nodiscard]] future_call_graph build(const core_ref<future_core>& subject, int skipped, std::source_location here) {
    future_call_graph node = bare(subject);
    ++nodes_;
    path_.push_back(subject.get());
    if (auto* record = dynamic_cast<task_record*>(subject.get()); record != nullptr && !record->done()) {
      add_task(node, *record, skipped, here);
    } else {
      add_awaiters(node, *subject);
    }
    path_.pop_back();
    return node;
  }

 private:
  static constexpr std::size_t deepest = 200;
  static constexpr std::size_t largest = 10'000;

  [[nodiscard]] static future_call_graph bare(const core_ref<future_core>& subject) {
    future_call_graph node;
    node.future = any_future(subject);
    return node;
  }

  // A task's own chain; for a fork-join child, those above it are in the same capture.
  void add_task(future_call_graph& node, task_record& record, int skipped, std::source_location here) {
    task_core* const t = record.core();
    if (t == nullptr) return add_awaiters(node, record);
    const stack_capture chains(*t);
    if (chains.levels().empty()) {
      node.running = !record.done();
      return add_awaiters(node, record);
    }
    frames own = chains.frames(chains.levels().front());
    if (t == this_thread().current) begin_with_caller(own, here);
    own.erase(own.begin(), own.begin() + std::min<std::ptrdiff_t>(skipped, std::ssize(own)));
    node.call_stack = limited(std::move(own));
    add_awaiters(node, record);
    add_parents(node, chains, 1);
  }

  // The parent's wait is not in a list of nodes. It stands before those who await a handle of the child.
  void add_parents(future_call_graph& child, const stack_capture& chains, std::size_t level) {
    if (level == chains.levels().size()) return;
    if (too_large()) {
      child.cut = true;
      return;
    }
    task_core& t = *chains.levels()[level].task;
    const core_ref<future_core> parent(t.type->record(t));
    future_call_graph node = bare(parent);
    ++nodes_;
    path_.push_back(parent.get());
    node.call_stack = limited(chains.frames(chains.levels()[level]));
    add_awaiters(node, *parent);
    add_parents(node, chains, level + 1);
    path_.pop_back();
    child.awaited_by.insert(child.awaited_by.begin(), std::move(node));
  }

  void add_awaiters(future_call_graph& node, future_core& awaited) {
    for (const core_ref<future_core>& each : awaiters_of(awaited)) {
      const bool again = std::find(path_.begin(), path_.end(), each.get()) != path_.end();
      if (again || too_large()) {
        node.awaited_by.push_back(bare(each));
        node.awaited_by.back().cut = true;
      } else {
        node.awaited_by.push_back(build(each, 0, std::source_location()));
      }
    }
  }

  [[nodiscard]] bool too_large() const noexcept { return path_.size() >= deepest || nodes_ >= largest; }

  [[nodiscard]] frames limited(frames innermost_first) const {
    if (!limit_) return innermost_first;
    const auto wanted = static_cast<std::ptrdiff_t>(*limit_ < 0 ? -static_cast<long>(*limit_) : *limit_);
    const std::ptrdiff_t surplus = std::max<std::ptrdiff_t>(0, std::ssize(innermost_first) - wanted);
    if (*limit_ < 0) {
      innermost_first.erase(innermost_first.begin(), innermost_first.begin() + surplus);
    } else {
      innermost_first.erase(innermost_first.end() - surplus, innermost_first.end());
    }
    return innermost_first;
  }

  std::optional<int> limit_;
  std::vector<const future_core*> path_;  // from the subject up to here
  std::size_t nodes_ = 0;
};

void start_line(std::string& out, std::size_t level) {
  if (!out.empty()) out += '\n';
  out.append(level * 4, ' ');
}

void append_graph(std::string& out, const future_call_graph& graph, std::size_t level) {
  start_line(out, level);
  const future_core& core = graph.future.core("format_call_graph");
  if (const auto* task = dynamic_cast<const task_record*>(&core); task != nullptr) {
    out += "* Task(name=";
    append_quoted(out, task->name());
    out += ", id=";
  } else {
    out += "* Future(id=";
  }
  append_address(out, &core);
  out += ')';
  if (graph.running) out += " running";
  if (graph.cut) out += " ...";
  if (!graph.call_stack.empty()) {
    start_line(out, level);
    out += "  + Call stack:";
  }
  for (const frame_call_graph_entry& each : graph.call_stack) {
    start_line(out, level);
    out += "  |   ";
    each.append_text(out);
  }
  if (graph.awaited_by.empty()) return;
  start_line(out, level);
  out += "  + Awaited by:";
  for (const future_call_graph& each : graph.awaited_by) append_graph(out, each, level + 1);
}

}  // namespace

std::optional<future_call_graph> capture_graph(core_ref<future_core> future, const call_graph_options& options,
                                               std::source_location here) {
  if (options.depth < 0) throw value_error("capture_call_graph: depth is negative");
  const task_core* running = this_thread().current;
  const bool own = running != nullptr && future->producer() == running;
  return graph_builder(options.limit).build(future, own ? std::max(0, options.depth - 1) : 0, here);
}

std::optional<future_call_graph> capture_running(const call_graph_options& options, std::source_location here) {
  if (this_thread().loop == nullptr) {
    throw no_running_loop("capture_call_graph: no running event loop, and no future is given");
  }
  task_core* t = this_thread().current;
  if (t == nullptr) return std::nullopt;
  return capture_graph(core_ref<future_core>(t->type->record(*t)), options, here);
}

std::string text_of(const std::optional<future_call_graph>& graph) {
  std::string out;
  if (graph) graph->append_text(out);
  return out;
}

void print_graph(const std::optional<future_call_graph>& graph, std::FILE* file) {
  if (!graph) return;
  std::fputs((text_of(graph) + '\n').c_str(), file);
}

}  // namespace detail

void future_call_graph::append_text(std::string& out) const {
  std::string lines;
  detail::append_graph(lines, *this, 0);
  out += lines;
}

}  // namespace gyre
