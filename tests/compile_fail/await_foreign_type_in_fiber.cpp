// expect: this type cannot be awaited in a fiber
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

struct foreign {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};

void wait() {
#ifdef GYRE_FIXED
  gyre::await(gyre::sleep(std::chrono::seconds(1)));
#else
  gyre::await(foreign());
#endif
}
