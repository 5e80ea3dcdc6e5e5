// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a fork() makes of the loops of a process: the child has copies of them, but none of their threads, and shares their
// descriptors with its parent. Nothing there may be used: gyre's functions throw forked_child, destructors leave everything
// as it is, and a thread that forked inside a task or callback ends the child when it comes back to the loop.  Layer: loop.

namespace gyre::detail {

/// Counts the loops that exist: a child of a process without any may use gyre as it likes.
class counted_loop {
 public:
  counted_loop() noexcept;
  counted_loop(const counted_loop&) = delete;
  counted_loop& operator=(const counted_loop&) = delete;
  ~counted_loop();
};

/// The forking thread came back to the loop, in the child: says so on stderr and leaves, with status 70.
[[noreturn]] void end_forked_child() noexcept;

}  // namespace gyre::detail
