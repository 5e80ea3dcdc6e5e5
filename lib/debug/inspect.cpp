// SPDX-License-Identifier: BSL-1.0
#include "../loop/loop_core.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/debug/inspect.hpp>

#include <algorithm>
#include <unordered_map>

namespace gyre {
namespace detail {
namespace {

// What was seen of one task, or of a plain future that somebody named as an awaiter.
struct seen_task {
  core_ref<future_core> core;
  std::string name;
  unsigned loop = 0;
  bool running = false;
  std::vector<frame_call_graph_entry> stack;  // innermost first
  std::vector<std::size_t> awaiters;          // positions in the picture
  std::vector<std::size_t> awaits;
};

class picture {
 public:
  explicit picture(loop_core& any_loop) {
    for (const any_task& each : all_tasks_of(any_loop)) place_of(each.shared("task_table"));
    for (std::size_t i = 0; i < tasks_.size(); ++i) look_at(i);  // grows by awaiters that were made meanwhile
  }
  [[nodiscard]] const std::vector<seen_task>& tasks() const noexcept { return tasks_; }

 private:
  std::size_t place_of(core_ref<future_core> core) {
    const auto [at, fresh] = places_.emplace(core.get(), tasks_.size());
    if (fresh) {
      tasks_.emplace_back();
      tasks_.back().core = std::move(core);
    }
    return at->second;
  }

  void look_at(std::size_t i) {
    const core_ref<future_core> core = tasks_[i].core;
    auto* record = dynamic_cast<task_record*>(core.get());
    if (record == nullptr) {
      tasks_[i].name = "Future";
    } else {
      tasks_[i].name = record->name();
      if (task_core* t = record->core(); t != nullptr && !record->done()) look_at_stack(i, *t);
    }
    for (core_ref<future_core>& each : awaiters_of(*core)) join(i, place_of(std::move(each)));
  }

  void look_at_stack(std::size_t i, task_core& t) {
    tasks_[i].loop = static_cast<loop_core&>(t.at()).index;
    const stack_capture chains(t);
    if (chains.levels().empty()) {
      tasks_[i].running = !t.state.is_done();
      return;
    }
    tasks_[i].stack = chains.frames(chains.levels().front());
    if (chains.levels().size() == 1) return;
    task_core& parent = *chains.levels()[1].task;
    join(i, place_of(core_ref<future_core>(parent.type->record(parent))));
  }

  void join(std::size_t awaited, std::size_t awaiter) {
    const std::vector<std::size_t>& known = tasks_[awaited].awaiters;
    if (std::find(known.begin(), known.end(), awaiter) != known.end()) return;
    tasks_[awaited].awaiters.push_back(awaiter);
    tasks_[awaiter].awaits.push_back(awaited);
  }

  std::vector<seen_task> tasks_;
  std::unordered_map<const future_core*, std::size_t> places_;
};

std::string chain_of(const seen_task& t) {
  if (t.running) return "running";
  std::string out;
  for (const frame_call_graph_entry& each : t.stack) {
    if (!out.empty()) out += " -> ";
    out += each.name();
  }
  return out;
}

void append_column(std::string& out, std::string_view text, std::size_t width) {
  out += text;
  out.append(text.size() < width ? width - text.size() : 0, ' ');
  out += ' ';
}

std::string address(const void* p) {
  std::string out;
  append_address(out, p);
  return out;
}

constexpr std::size_t loop_width = 5, id_width = 18, name_width = 20, stack_width = 50;

void append_row(std::string& out, const task_row& row) {
  std::string loop;
  append_unsigned(loop, row.loop);
  append_column(out, loop, loop_width);
  append_column(out, address(row.task_id), id_width);
  append_column(out, row.task_name, name_width);
  append_column(out, row.coroutine_stack, stack_width);
  append_column(out, row.awaiter_chain, stack_width);
  append_column(out, row.awaiter_name, name_width);
  out += address(row.awaiter_id);
  out += '\n';
}

// Walks from each task up to its awaiters; a task that is met again on the way closes a circle.
class cycle_finder {
 public:
  explicit cycle_finder(const std::vector<seen_task>& tasks) : tasks_(tasks), state_(tasks.size(), state::fresh) {}

  // The circles, each as `A -> B -> A`, in the direction of the awaits.
  std::vector<std::string> find() {
    for (std::size_t i = 0; i < tasks_.size(); ++i) walk_from(i);
    return std::move(found_);
  }

 private:
  enum class state { fresh, on_the_way, finished };
  struct step {
    std::size_t task;
    std::size_t next = 0;
  };

  void walk_from(std::size_t start) {
    if (state_[start] != state::fresh) return;
    std::vector<step> way{step{start}};
    state_[start] = state::on_the_way;
    while (!way.empty()) {
      step& here = way.back();
      const std::vector<std::size_t>& awaits = tasks_[here.task].awaits;
      if (here.next == awaits.size()) {
        state_[here.task] = state::finished;
        way.pop_back();
        continue;
      }
      const std::size_t next = awaits[here.next++];
      if (state_[next] == state::on_the_way) {
        note(way, next);
      } else if (state_[next] == state::fresh) {
        state_[next] = state::on_the_way;
        way.push_back(step{next});
      }
    }
  }

  void note(const std::vector<step>& way, std::size_t closing) {
    std::string text;
    const auto first = std::find_if(way.begin(), way.end(), [&](const step& s) { return s.task == closing; });
    for (auto at = first; at != way.end(); ++at) text += tasks_[at->task].name + " -> ";
    found_.push_back(text + tasks_[closing].name);
  }

  const std::vector<seen_task>& tasks_;
  std::vector<state> state_;
  std::vector<std::string> found_;
};

// Lines with branches drawn before them. A task that several wait for stands below each of them.
class tree_printer {
 public:
  explicit tree_printer(const std::vector<seen_task>& tasks) noexcept : tasks_(tasks) {}

  std::string print() {
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (tasks_[i].awaiters.empty()) add_task(i, "", true, 0);
    }
    return std::move(out_);
  }

 private:
  static constexpr std::size_t most_lines = 100'000;
  static constexpr int deepest = 300;

  void add_line(const std::string& indent, bool last, const std::string& text) {
    if (lines_++ >= most_lines) return;
    out_ += indent + (last ? "└── " : "├── ") + text + '\n';
  }
  [[nodiscard]] static std::string below(const std::string& indent, bool last) {
    return indent + (last ? "    " : "│   ");
  }

  void add_task(std::size_t i, std::string indent, bool last, int depth) {
    if (lines_ >= most_lines) return;
    if (depth == deepest) return add_line(indent, last, "...");
    const seen_task& t = tasks_[i];
    add_line(indent, last, "(T) " + t.name + (t.running ? " (running)" : ""));
    indent = below(indent, last);
    for (std::size_t k = t.stack.size(); k-- > 0;) {
      std::string text(t.stack[k].name());
      text += "()  ";
      append_place(text, t.stack[k].where());
      add_line(indent, true, text);
      indent = below(indent, true);
    }
    for (std::size_t k = 0; k < t.awaits.size(); ++k)
      add_task(t.awaits[k], indent, k + 1 == t.awaits.size(), depth + 1);
  }

  const std::vector<seen_task>& tasks_;
  std::string out_;
  std::size_t lines_ = 0;
};

}  // namespace
}  // namespace detail

std::vector<task_row> task_table(event_loop& loop) {
  const detail::picture now(loop.core());
  std::vector<task_row> rows;
  for (const detail::seen_task& t : now.tasks()) {
    task_row row{t.loop, t.core.get(), t.name, detail::chain_of(t), "", "", nullptr};
    if (t.awaiters.empty()) rows.push_back(row);
    for (const std::size_t i : t.awaiters) {
      const detail::seen_task& awaiter = now.tasks()[i];
      row.awaiter_chain = detail::chain_of(awaiter);
      row.awaiter_name = awaiter.name;
      row.awaiter_id = awaiter.core.get();
      rows.push_back(row);
    }
  }
  return rows;
}

std::string format_task_table(event_loop& loop) {
  using namespace detail;
  std::string out;
  append_column(out, "loop", loop_width);
  append_column(out, "task id", id_width);
  append_column(out, "task name", name_width);
  append_column(out, "coroutine stack", stack_width);
  append_column(out, "awaiter chain", stack_width);
  append_column(out, "awaiter name", name_width);
  out += "awaiter id\n";
  out.append(loop_width + 2 * id_width + 2 * name_width + 2 * stack_width + 6, '-');
  out += '\n';
  for (const task_row& each : task_table(loop)) append_row(out, each);
  return out;
}

std::string format_task_tree(event_loop& loop) {
  const detail::picture now(loop.core());
  const std::vector<std::string> circles = detail::cycle_finder(now.tasks()).find();
  if (circles.empty()) return detail::tree_printer(now.tasks()).print();
  std::string out = "error: tasks await each other in a circle, so there is no tree\n";
  for (const std::string& each : circles) out += "cycle: " + each + '\n';
  return out;
}

}  // namespace gyre
