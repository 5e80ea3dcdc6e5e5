// SPDX-License-Identifier: BSL-1.0
// Shows: any class with aenter and aexit works with `with`; aexit runs however the body ends.
// Prints: three lines: entering, inside, exiting.
#include <gyre/gyre.hpp>

#include <cstdio>
#include <exception>

class announced {
 public:
  gyre::coro<> aenter() {
    std::puts("Entering asynchronous context");
    co_return;
  }

  gyre::coro<bool> aexit(std::exception_ptr) {
    std::puts("Exiting asynchronous context");
    co_return false;  // true would swallow an exception of the body
  }
};

gyre::coro<> inside() {
  std::puts("Inside the asynchronous context");
  co_return;
}

gyre::coro<> amain() {
  announced context;
  co_await gyre::with(context, inside);
}

int main() { gyre::run(amain()); }
