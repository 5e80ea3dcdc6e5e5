// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/task_core.hpp>

namespace gyre {

std::string_view frame_call_graph_entry::name() const noexcept {
  return detail::coroutine_name(place_.function_name());
}

void frame_call_graph_entry::append_text(std::string& out) const {
  out += "File ";
  detail::append_quoted(out, place_.file_name());
  out += ", line ";
  detail::append_unsigned(out, place_.line());
  out += coroutine_ ? ", in async " : ", in ";
  out += name();
  out += "()";
}

namespace detail {
namespace {

constexpr int deepest = 256;  // fork-joins inside each other that are looked through for a child that stands still

}  // namespace

bool is_still_here(const task_core& t) noexcept {
  const thread_state& thread = this_thread();
  if (t.state.is_done()) return false;
  return thread.current == &t || (t.state.is_pinned() && thread.loop != nullptr && &t.at() == thread.loop);
}

void begin_with_caller(std::vector<frame_call_graph_entry>& innermost_first, std::source_location here) {
  const bool plain = innermost_first.empty() ||
                     coroutine_name(here.function_name()) != innermost_first.front().name() ||
                     std::string_view(here.file_name()) != innermost_first.front().where().file_name();
  if (plain) {
    innermost_first.emplace(innermost_first.begin(), here, false);
  } else {
    innermost_first.front() = frame_call_graph_entry(here, true);
  }
}

stack_capture::stack_capture(task_core& t) : wanted_(t) {
  for (std::size_t room = 64;; room *= 2) {
    levels_.reserve(room / 8);
    places_.reserve(room);
    static_cast<void>(copy_if_still(t, 0));
    if (!full_) return;
    clear();
  }
}

bool stack_capture::copy_if_still(task_core& t, int depth) noexcept {
  if (t.state.is_done() || depth == deepest) return false;
  if (is_still_here(t)) {
    copy(t, depth);
    return true;
  }
  if (t.state.lock_if_waiting()) {
    copy(t, depth);
    t.state.unlock();
    return true;
  }
  join_head* const block = join_head::pin(t.join);
  if (block == nullptr) return false;
  bool found = false;
  for (std::uint32_t i = 0; i < block->child_count() && !found; ++i) found = copy_if_still(block->child(i), depth + 1);
  block->unpin();
  return found;
}

// A descendant of the wanted task stands in for it: what lies below the wanted one is dropped.
void stack_capture::copy(task_core& still, int depth) noexcept {
  if (depth == 0) add_level(still, still.resume_point);
  still.type->climb(still, *this);
}

void stack_capture::add_level(task_core& t, std::coroutine_handle<> innermost) noexcept {
  if (levels_.empty() && &t != &wanted_) return;
  if (full_ || levels_.size() == levels_.capacity()) {
    full_ = true;
    return;
  }
  level next{&t, places_.size(), 0};
  for (std::coroutine_handle<> h = innermost; h != nullptr; h = promise_base::of(h).continuation) {
    if (places_.size() == places_.capacity()) {
      full_ = true;
      return;
    }
    places_.push_back(promise_base::of(h).line);
    ++next.count;
  }
  t.type->hold(t);
  levels_.push_back(next);
}

std::vector<frame_call_graph_entry> stack_capture::frames(const level& of) const {
  std::vector<frame_call_graph_entry> out;
  out.reserve(of.count);
  for (std::size_t i = of.first; i < of.first + of.count; ++i) out.emplace_back(places_[i], true);
  return out;
}

void stack_capture::clear() noexcept {
  for (const level& each : levels_) each.task->type->drop(*each.task);
  levels_.clear();
  places_.clear();
  full_ = false;
}

}  // namespace detail
}  // namespace gyre
