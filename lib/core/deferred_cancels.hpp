// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where a cancel request goes on later, because it was too deep in the stack to go on at once, and by which tasks it came there.
// Layer: core.  Used by: task_core.cpp
#include <gyre/core/task_record.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gyre::detail {

/// The tasks that were put off, in turn, and the ways to them.
///
/// Thread:  the canceller's.
class deferred_cancels {
 public:
  static constexpr std::size_t none = SIZE_MAX;

  /// A task of the way to the one that was put off as number `in`. none: the outermost task, which is in no way.
  struct place {
    std::size_t in = none;
    std::size_t at = 0;
  };
  /// The task that was put off, then those by which the request came, up to the one at `from`, which was looked at then.
  struct way {
    std::vector<core_ref<task_record>> tasks;
    place from;
    std::size_t chain = 0;  // of these each handed the request on to the one before
    // That is all of them, and the one at `from`, or the outermost task, handed it on to the last.
    bool unbroken = false;
  };

  [[nodiscard]] std::size_t size() const noexcept { return ways_.size(); }
  [[nodiscard]] task_record& at(place p) const noexcept { return *ways_[p.in].tasks[p.at]; }
  void add(way&& w) { ways_.push_back(std::move(w)); }

  /// Puts `p` to who handed the request on to the task there. False if others have a part in the answer.
  [[nodiscard]] bool go_up(place& p) const noexcept {
    const way& w = ways_[p.in];
    if (++p.at < w.chain) return true;
    if (w.unbroken) p = w.from;
    return w.unbroken;
  }

  /// Whether the request came by `t` on its way to the task at `p`. Another way, which met `t` as well, does not count.
  [[nodiscard]] bool came_by(const task_core& t, place p) {
    if (p.in == none) return false;
    if (!is_indexed()) return is_on_way(t, p);
    const auto [begin, end] = index_.equal_range(&t);
    for (auto each = begin; each != end; ++each) {
      if (std::as_const(at(each->second)).core() == &t && is_before(each->second, p)) return true;
    }
    return false;
  }

 private:
  // Of each way that leads to `p`, with the first task of it that does: until `seen` says true.
  template <class Seen>
  [[nodiscard]] bool any_way(place p, Seen seen) const {
    for (++p.at; p.in != none; p = ways_[p.in].from) {
      if (seen(p)) return true;
    }
    return false;
  }
  [[nodiscard]] bool is_before(place task, place p) const {
    return any_way(p, [task](place first) { return task.in == first.in && task.at >= first.at; });
  }
  [[nodiscard]] bool is_on_way(const task_core& t, place p) const {
    return any_way(p, [this, &t](place each) {
      for (; each.at < ways_[each.in].tasks.size(); ++each.at) {
        if (std::as_const(at(each)).core() == &t) return true;
      }
      return false;
    });
  }
  // False if there is no memory.
  [[nodiscard]] bool is_indexed() noexcept {
    try {
      for (; indexed_.in < ways_.size(); indexed_ = {indexed_.in + 1, 0}) {
        for (; indexed_.at < ways_[indexed_.in].tasks.size(); ++indexed_.at) {
          if (const task_core* t = std::as_const(at(indexed_)).core(); t != nullptr) index_.emplace(t, indexed_);
        }
      }
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  std::vector<way> ways_;
  std::unordered_multimap<const task_core*, place> index_;  // another task may be there now
  place indexed_{0, 0};                                     // so far
};

}  // namespace gyre::detail
