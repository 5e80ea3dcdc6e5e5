// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who waits for whom, and where: the call graph of a task or future.  Layer: debug.  Bodies: lib/debug/call_graph.cpp
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/task.hpp>

#include <cstdio>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <vector>

namespace gyre {

/// How much of a call graph is wanted. An aggregate without owners, so that it may stand in an awaiting expression.
struct call_graph_options {
  int depth = 1;               ///< of the running task: 1 begins with the caller, each more skips one entry
  std::optional<int> limit{};  ///< entries of each stack: of the innermost, if positive, of the outermost, if negative
};

/// A future, where its task stands, and who waits for it.   Like: asyncio.FutureCallGraph.
struct future_call_graph {
  any_future future;
  std::vector<frame_call_graph_entry> call_stack;  ///< innermost first; empty for a plain future
  std::vector<future_call_graph> awaited_by;
  bool running = false;  ///< runs on another thread at this moment: no stack can be had
  bool cut = false;      ///< awaited_by is left out: it stands above (a cycle), or the graph is too large

  void append_text(std::string& out) const;
};

namespace detail {

[[nodiscard]] std::optional<future_call_graph> capture_running(const call_graph_options& options,
                                                               std::source_location here);
[[nodiscard]] std::optional<future_call_graph> capture_graph(core_ref<future_core> future,
                                                             const call_graph_options& options,
                                                             std::source_location here);
[[nodiscard]] std::string text_of(const std::optional<future_call_graph>& graph);
void print_graph(const std::optional<future_call_graph>& graph, std::FILE* file);

template <class F>
core_ref<future_core> future_to_capture(const F& future, const char* call) {
  static_assert(
      requires { future.shared(call); },
      "a call graph is taken of a future: task, future, gathering_future, any_task or any_future");
  return future.shared(call);
}

template <class F>
concept graph_subject = !std::is_same_v<std::remove_cvref_t<F>, call_graph_options>;

}  // namespace detail

/// The call graph of the running task: the chain of its awaits, then the tasks that wait for it, and so on. Each stack is
/// copied while its task cannot go on; a task that runs on another thread is only marked so.
///
/// Returns: nothing where a plain callback runs.   Throws: no_running_loop.
/// Cost:    only when it is called: waiting keeps no books for it.   Like: asyncio.capture_call_graph.
[[nodiscard]] inline std::optional<future_call_graph> capture_call_graph(
    const call_graph_options& options = call_graph_options(),
    std::source_location here = std::source_location::current()) {
  return detail::capture_running(options, here);
}
/// The same of a given future or task.   Thread: any.
template <detail::graph_subject F>
[[nodiscard]] std::optional<future_call_graph> capture_call_graph(
    const F& future, const call_graph_options& options = call_graph_options(),
    std::source_location here = std::source_location::current()) {
  return detail::capture_graph(detail::future_to_capture(future, "capture_call_graph"), options, here);
}

/// The graph as lines of text; empty where there is none.   Like: asyncio.format_call_graph.
[[nodiscard]] inline std::string format_call_graph(const call_graph_options& options = call_graph_options(),
                                                   std::source_location here = std::source_location::current()) {
  return detail::text_of(detail::capture_running(options, here));
}
template <detail::graph_subject F>
[[nodiscard]] std::string format_call_graph(const F& future, const call_graph_options& options = call_graph_options(),
                                            std::source_location here = std::source_location::current()) {
  return detail::text_of(detail::capture_graph(detail::future_to_capture(future, "format_call_graph"), options, here));
}

/// Writes the lines to `file`.   Like: asyncio.print_call_graph.
inline void print_call_graph(const call_graph_options& options = call_graph_options(), std::FILE* file = stdout,
                             std::source_location here = std::source_location::current()) {
  detail::print_graph(detail::capture_running(options, here), file);
}
template <detail::graph_subject F>
void print_call_graph(const F& future, const call_graph_options& options = call_graph_options(),
                      std::FILE* file = stdout, std::source_location here = std::source_location::current()) {
  detail::print_graph(detail::capture_graph(detail::future_to_capture(future, "print_call_graph"), options, here),
                      file);
}

}  // namespace gyre
