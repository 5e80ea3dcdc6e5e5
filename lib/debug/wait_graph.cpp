// SPDX-License-Identifier: BSL-1.0
#include "../loop/loop_core.hpp"
#include "../sync/wait_view.hpp"

#include <gyre/core/awaited_by.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/offload_executor.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/debug/wait_graph.hpp>
#include <gyre/flow/gather.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/sync/barrier.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gyre::detail {

namespace {

// What was seen of a task while its word was locked.
struct glance {
  wait_reason reason = wait_reason::unknown;
  bool parked = false;
  bool limited = false;
  core_ref<future_core> future;  // null: `reason` says what it is
  const void* object = nullptr;
  holder_word holder = 0;
  std::size_t number = 0;  // parties of a barrier; tasks and futures that wait() needs and that are not done
};

glance glance_at(task_core& t) noexcept {
  glance seen;
  if (!t.state.lock_if_waiting()) return seen;
  seen.parked = true;
  seen.limited = t.limits != 0;
  if (t.state.forwards_cancel()) {
    seen.future = core_ref<future_core>::share(*t.waits_for);
  } else {
    seen.reason = t.waits_by;
    seen.object = t.waits_at;
    if (t.waits_by == wait_reason::lock) seen.holder = wait_view::holder_of(*static_cast<const lock*>(t.waits_at));
    if (t.waits_by == wait_reason::barrier) {
      seen.number = static_cast<std::size_t>(static_cast<const barrier*>(t.waits_at)->parties());
    }
    if (t.waits_by == wait_reason::all_of || t.waits_by == wait_reason::some_of) {
      seen.number = count_pending(*static_cast<const wait_core*>(t.waits_at));
    }
  }
  t.state.unlock();
  return seen;
}

struct named_reason {
  wait_reason reason;
  wait_subject subject;
  const char* object;  // null: not numbered
};
constexpr named_reason named_reasons[] = {{wait_reason::lock, wait_subject::lock, "lock"},
                                          {wait_reason::semaphore, wait_subject::semaphore, "semaphore"},
                                          {wait_reason::event, wait_subject::event, "event"},
                                          {wait_reason::condition, wait_subject::condition, "condition"},
                                          {wait_reason::barrier, wait_subject::barrier, "barrier"},
                                          {wait_reason::queue_item, wait_subject::queue_item, "queue"},
                                          {wait_reason::queue_room, wait_subject::queue_room, "queue"},
                                          {wait_reason::queue_end, wait_subject::queue_end, "queue"},
                                          {wait_reason::timer, wait_subject::timer, nullptr},
                                          {wait_reason::io, wait_subject::io, nullptr},
                                          {wait_reason::all_of, wait_subject::several, nullptr},
                                          {wait_reason::some_of, wait_subject::several, nullptr},
                                          {wait_reason::some_of_in_time, wait_subject::several, nullptr},
                                          {wait_reason::group, wait_subject::several, nullptr},
                                          {wait_reason::unknown, wait_subject::unknown, nullptr}};

class graph_maker {
 public:
  explicit graph_maker(loop_core& any_loop) {
    for (const any_task& each : all_tasks_of(any_loop)) place_of(each.shared("capture_wait_graph"));
    for (std::size_t i = 0; i < cores_.size(); ++i) look_at(i);  // grows by awaiters that were made meanwhile
    for (std::size_t i = 0; i < cores_.size(); ++i) name_subject(i);
    for (std::size_t i = 0; i < cores_.size(); ++i) complete(i);
  }
  [[nodiscard]] wait_graph take() { return std::move(graph_); }

 private:
  std::size_t place_of(core_ref<future_core> core) {
    const auto [at, fresh] = places_.emplace(core.get(), cores_.size());
    if (fresh) {
      graph_.tasks.emplace_back();
      graph_.tasks.back().task = any_task(core);
      graph_.tasks.back().name = static_cast<task_record&>(*core).name();
      glances_.emplace_back();
      cores_.push_back(std::move(core));
    }
    return at->second;
  }

  void look_at(std::size_t i) {
    const core_ref<future_core> core = cores_[i];
    auto& record = static_cast<task_record&>(*core);
    if (task_core* t = record.core(); t != nullptr && !record.done()) look_at_task(i, *t);
    for (const core_ref<future_core>& each : awaiters_of(*core)) {
      if (dynamic_cast<task_record*>(each.get()) != nullptr) join(place_of(each), i);
    }
  }

  void look_at_task(std::size_t i, task_core& t) {
    graph_.tasks[i].loop = static_cast<loop_core&>(t.at()).index;
    glances_[i] = glance_at(t);
    if (const holder_word word = holder_word_of(t); word != 0) holders_.emplace(word, i);
    const stack_capture chains(t);
    if (chains.levels().empty()) return;
    graph_.tasks[i].call_stack = chains.frames(chains.levels().front());
    if (chains.levels().size() == 1) return;
    task_core& parent = *chains.levels()[1].task;
    const std::size_t above = place_of(core_ref<future_core>(parent.type->record(parent)));
    graph_.tasks[above].waits_for = wait_subject::several;
    graph_.tasks[above].any = true;
    join(above, i);
  }

  void join(std::size_t waiter, std::size_t needed) {
    std::vector<std::size_t>& known = graph_.tasks[waiter].on;
    if (std::find(known.begin(), known.end(), needed) == known.end()) known.push_back(needed);
  }

  // `lock 1`, the first lock in the order of the tasks.
  std::string numbered(const char* kind, const void* object) {
    std::unordered_map<const void*, std::size_t>& known = numbers_[kind];
    const auto [at, fresh] = known.emplace(object, known.size() + 1);
    return std::string(kind) + ' ' + std::to_string(at->second);
  }

  void name_subject(std::size_t i) {
    wait_graph_node& node = graph_.tasks[i];
    const glance& seen = glances_[i];
    if (!seen.parked) return;
    node.limited = seen.limited || seen.reason == wait_reason::some_of_in_time;
    if (seen.future) return name_future(node, *seen.future);
    const auto* known = std::find_if(std::begin(named_reasons), std::end(named_reasons),
                                     [&](const named_reason& each) { return each.reason == seen.reason; });
    node.waits_for = known->subject;
    node.any = seen.reason != wait_reason::all_of;
    if (known->object != nullptr) node.subject = numbered(known->object, seen.object);
  }

  void name_future(wait_graph_node& node, future_core& f) {
    if (dynamic_cast<task_record*>(&f) != nullptr) {
      node.waits_for = wait_subject::task;
    } else if (const auto* call = dynamic_cast<offload_core*>(&f); call != nullptr) {
      node.waits_for = wait_subject::thread;
      call->append_label(node.subject);
    } else if (f.hands_on()) {
      const auto* gather = dynamic_cast<gather_core*>(&f);
      node.waits_for = wait_subject::several;
      node.any = gather == nullptr || !gather->collects_errors();
    } else {
      node.waits_for = wait_subject::future;
      node.subject = numbered("future", &f);
    }
  }

  // What needs all the others to be known.
  void complete(std::size_t i) {
    wait_graph_node& node = graph_.tasks[i];
    const glance& seen = glances_[i];
    switch (node.waits_for) {
      case wait_subject::task:
      case wait_subject::several:
        node.more = pending_in(seen) > node.on.size();
        return;
      case wait_subject::lock:
        node.on.clear();
        name_holder(node, seen.holder);
        return;
      case wait_subject::barrier:
        node.subject += of_parties(seen);
        break;
      default:
        break;
    }
    node.on.clear();  // seen in an earlier wait
  }

  [[nodiscard]] static std::size_t pending_in(const glance& seen) noexcept {
    const auto* gather = dynamic_cast<const gather_core*>(seen.future.get());
    return gather != nullptr ? gather->pending() : seen.number;
  }

  void name_holder(wait_graph_node& node, holder_word holder) {
    if (holder == 0) return;
    if (const auto found = holders_.find(holder); found != holders_.end()) {
      node.on.push_back(found->second);
      node.holder = '\'' + graph_.tasks[found->second].name + '\'';
    } else {
      node.holder = "a task that has ended";
    }
  }

  [[nodiscard]] std::string of_parties(const glance& seen) const {
    const auto come = std::count_if(glances_.begin(), glances_.end(),
                                    [&](const glance& each) { return each.parked && each.object == seen.object; });
    return ", where " + std::to_string(come) + " of " + std::to_string(seen.number) + " wait";
  }

  wait_graph graph_;
  std::vector<core_ref<future_core>> cores_;
  std::vector<glance> glances_;
  std::unordered_map<const future_core*, std::size_t> places_;
  std::unordered_map<holder_word, std::size_t> holders_;
  std::unordered_map<std::string, std::unordered_map<const void*, std::size_t>> numbers_;
};

}  // namespace
}  // namespace gyre::detail

namespace gyre {

wait_graph capture_wait_graph(event_loop& loop) { return detail::graph_maker(loop.core()).take(); }

}  // namespace gyre
