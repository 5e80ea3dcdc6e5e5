// SPDX-License-Identifier: BSL-1.0
#pragma once
// The head of a fork-join's block.  Layer: core.
#include <gyre/base/intrusive_list.hpp>
#include <gyre/core/frame_pool.hpp>
#include <gyre/core/join_protocol.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace gyre::detail {

class task_core;
struct result_base;
struct orphan_tag {};

/// What core knows of a gather that runs as a fork-join: enough to cancel and to list its children. It lives in stable
/// pool memory (see frame_pool.hpp). How outsiders hold it is the part of basic_join.
class join_head : public list_link<orphan_tag>, public basic_join<join_head> {
 public:
  /// What depends on the results' types.
  struct operations {
    void (*free_block)(join_head&) noexcept;
    void (*abandon)(join_head&) noexcept;
    result_base& (*slot)(join_head&, std::uint32_t child);
    void (*append_result)(const join_head&, std::uint32_t child, std::string& out);
  };
  /// The children are an array of `stride` bytes each, which may be made later.
  join_head(const operations& ops, task_core* first, std::uint32_t stride, std::uint32_t count) noexcept
      : ops_(&ops), children_(first), stride_(stride), count_(count) {}

  task_core& child(std::uint32_t i) noexcept {
    return *reinterpret_cast<task_core*>(reinterpret_cast<char*>(children_) + i * stride_);
  }
  [[nodiscard]] std::uint32_t child_count() const noexcept { return count_; }

  /// Its loop closes: destroys the children that have not ended, and leaves the block. They must not be running.
  void abandon() noexcept { ops_->abandon(*this); }

  [[nodiscard]] result_base& slot(std::uint32_t i) { return ops_->slot(*this, i); }
  void append_result(std::uint32_t i, std::string& out) const { ops_->append_result(*this, i, out); }

 protected:
  /// Its memory was in the pool, whose links lie over the one of the list.
  void restart() noexcept { std::construct_at(static_cast<list_link<orphan_tag>*>(this)); }

 private:
  friend class basic_join<join_head>;
  void free_now() noexcept { ops_->free_block(*this); }
  // In the prefix of the stable cell, which no constructor touches.
  [[nodiscard]] std::atomic<std::uint32_t>& pins() noexcept { return stable_prefix(this); }

  const operations* ops_;
  task_core* const children_;
  const std::uint32_t stride_;
  const std::uint32_t count_;
};

}  // namespace gyre::detail
