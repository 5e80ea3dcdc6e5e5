// SPDX-License-Identifier: BSL-1.0
// Models of what signal handlers write and read: the stack of a thread that is asked for it, and the text of a process that
// dies. A handler counts as a thread.
#include <runtime/stack_request.hpp>
#include <testing/basic_note.hpp>

#include <memory>

#include "model_policy.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;

struct stack {
  model_var<int> of{0};
};

/// One asks two threads, the first again at last; each has a handler that may come late, or for nothing. Whoever answers was
/// asked.
struct asked_in_turn : rl::test_suite<asked_in_turn, 3> {
  std::unique_ptr<gyre::detail::basic_stack_request<stack, model_atomics>> request;
  void before() { request = std::make_unique<gyre::detail::basic_stack_request<stack, model_atomics>>(); }
  void after() { request.reset(); }
  void thread(unsigned who) {
    if (who == 0) {
      ask(1);
      ask(2);
      ask(1);
    } else {
      for (int signal = 0; signal < 2; ++signal) {
        request->answer(static_cast<int>(who), [who](stack& s) { s.of = static_cast<int>(who); });
      }
    }
  }
  void ask(int thread) {
    request->ask(thread);
    if (!request->is_answered() && request->withdraw(thread)) return;
    stack out;
    request->take(out);
    RL_ASSERT(out.of == thread);
  }
};

/// Two handlers on two threads: one prints, and prints what was written.
struct dying : rl::test_suite<dying, 3> {
  std::unique_ptr<gyre::testing::basic_note<1, model_policy>> note;
  int printed = 0;
  void before() {
    printed = 0;
    note = std::make_unique<gyre::testing::basic_note<1, model_policy>>();
  }
  void after() {
    printed += note->take() != 0 ? 1 : 0;
    RL_ASSERT(printed == 1);
    note.reset();
  }
  void thread(unsigned who) {
    if (who == 0) {
      note->write("seed", 4);
    } else if (note->take() != 0) {
      ++printed;
      RL_ASSERT(note->text()[0] == 's');
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<asked_in_turn>("note: threads that are asked for their stacks"),
              scenario<dying>("note: two threads die", 3)});
}
