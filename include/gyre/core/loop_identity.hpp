// SPDX-License-Identifier: BSL-1.0
#pragma once
// What is left of a loop when it is gone, and who may still touch it while it closes.  Layer: core.
// Bodies: lib/core/home.cpp.   Model: tests/model/loop_identity_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/base/relax.hpp>

#include <atomic>
#include <cstdint>

namespace gyre::detail {

class home;

/// Stands for a loop that may be gone: a small object that is never freed but used again, under a new era.
///
///   owner_, era_   written by begin_era() and end_era(); a reader who kept an era compares it before it uses the owner.
///   open_          from begin_era() until the loop closes.
///   ended_         from the end of close(): its tasks are destroyed, nobody waits there any more.
///   visitors_      threads from outside the runtime that queue or look at something: who closes or destroys waits.
///
///   visitor (enter, enter_to_look)             closing thread (shut), destroying thread (end_era)
///   V1 visitors_ += 1, seq_cst                 C1 open_ = false; or era_ += 1, seq_cst
///   V2 era_, seq_cst; then open_, seq_cst      C2 waits until visitors_, seq_cst, is 0
///
/// Proof:  either C2 comes after V1 in the single order and waits for this visitor, or V2 comes after C1 and refuses. A look
///         asks for the era alone: the loop may be closed, but is not destroyed. Era and open_ belong to one loop: it is
///         closed when its era ends, and who sees the next era sees it opened by the next loop only.
template <class Owner, class Atomics = std_atomics>
class basic_loop_identity {
  template <class T>
  using atomic = typename Atomics::template atomic<T>;

 public:
  [[nodiscard]] std::uint32_t era() const noexcept { return era_.load(std::memory_order_acquire); }
  /// The loop of that era, null if it is gone.
  [[nodiscard]] Owner* loop_of(std::uint32_t era) const noexcept {
    Owner* owner = owner_.load(std::memory_order_acquire);
    return era_.load(std::memory_order_relaxed) == era ? owner : nullptr;  // after the owner, which was acquired
  }

  /// A loop begins to use it, and has ended.   Thread: one at a time.
  void begin_era(Owner& owner) noexcept {
    owner_.store(&owner, std::memory_order_release);
    ended_.store(false, std::memory_order_relaxed);
    open_.store(true, std::memory_order_release);
  }
  /// Nobody finds the owner any more, and those who look at it have gone. Twice is harmless.
  void end_era() noexcept {
    // First: who reads the next era must not find this owner. C1 publishes it.
    if (owner_.exchange(nullptr, std::memory_order_relaxed) == nullptr) return;
    era_.fetch_add(1, std::memory_order_seq_cst);  // C1
    await_visitors();                              // C2
  }

  [[nodiscard]] bool open() const noexcept { return open_.load(std::memory_order_seq_cst); }
  /// Begins a visit, which leave() must end. False if the loop of that era is closed or gone.
  [[nodiscard]] bool enter(std::uint32_t era) noexcept {
    return enter_to_look(era) && open();  // V2
  }
  /// The same for a loop that may be closed, but not gone.
  [[nodiscard]] bool enter_to_look(std::uint32_t era) noexcept {
    visitors_.fetch_add(1, std::memory_order_seq_cst);   // V1
    return era_.load(std::memory_order_seq_cst) == era;  // V2
  }
  /// The same as enter(); what was refused needs no leave().
  [[nodiscard]] bool try_enter(std::uint32_t era) noexcept {
    if (enter(era)) return true;
    leave();
    return false;
  }
  void leave() noexcept { visitors_.fetch_sub(1, std::memory_order_release); }
  /// Refuses visits from now on, and waits for the end of those under way.
  void shut() noexcept {
    open_.store(false, std::memory_order_seq_cst);  // C1
    await_visitors();                               // C2
  }
  void note_end() noexcept { ended_.store(true, std::memory_order_release); }
  /// Whether the loop of that era has closed to the end, or is gone.
  [[nodiscard]] bool has_ended(std::uint32_t era) const noexcept {
    return ended_.load(std::memory_order_acquire) || this->era() != era;
  }

 private:
  void await_visitors() const noexcept {
    for (backoff pause; visitors_.load(std::memory_order_seq_cst) != 0;) pause.once();
  }

  atomic<Owner*> owner_{nullptr};
  atomic<std::uint32_t> era_{0};
  atomic<std::uint32_t> visitors_{0};
  atomic<bool> open_{false};
  atomic<bool> ended_{false};
};

class loop_identity final : public basic_loop_identity<home> {
 public:
  [[nodiscard]] static loop_identity& take(home& owner);
  void give_back() noexcept;
  void note_family(const void* family) noexcept { family_.store(family, std::memory_order_relaxed); }
  /// For who knows that the owner lives.
  [[nodiscard]] const void* family() const noexcept { return family_.load(std::memory_order_relaxed); }
  /// Whether the thread that runs `here`, or none, belongs to the runtime of the loop of that era.
  [[nodiscard]] bool is_inside(const home* here, std::uint32_t era) const noexcept;

 private:
  std::atomic<const void*> family_{nullptr};  // of the owner: what home::family() gives; only compared
  loop_identity* next_free_ = nullptr;
};

/// While it lives and was admitted, a loop does not close: a thread from outside may queue there, and touch what waits there.
template <class Identity>
class basic_loop_visit {
 public:
  basic_loop_visit(Identity& loop, std::uint32_t era) noexcept : loop_(loop), admitted_(loop.enter(era)) {}
  basic_loop_visit(const basic_loop_visit&) = delete;
  basic_loop_visit& operator=(const basic_loop_visit&) = delete;
  ~basic_loop_visit() { loop_.leave(); }

  [[nodiscard]] bool admitted() const noexcept { return admitted_; }

 private:
  Identity& loop_;
  bool admitted_;
};

using loop_visit = basic_loop_visit<loop_identity>;

}  // namespace gyre::detail
