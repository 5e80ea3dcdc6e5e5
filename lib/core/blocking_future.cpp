// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/blocking_future.hpp>

#include <memory>

namespace gyre::detail {
namespace {

constexpr node_kind callback_kind{"callback()"};

// A done callback that may run anywhere. A loop that ends the future runs it as a callback of its own, never inside the end
// of a task; where there is no loop, or none any more, it runs on the thread that finds that out.
class blocking_callback final : public completion_node, public pooled {
 public:
  blocking_callback(future_core& core, unique_function<void(future_core&)> callback) noexcept
      : completion_node(&queue, &call, callback_kind),
        core_(core_ref<future_core>::share(core)),
        callback_(std::move(callback)) {}

  static void call(runnable& r, fate) noexcept {
    const std::unique_ptr<blocking_callback> self(static_cast<blocking_callback*>(&r));
    try {
      self->callback_(*self->core_);
    } catch (...) {
      self->report_failure(std::current_exception());
    }
  }

 private:
  static void queue(completion_node& node, future_core& done) noexcept {
    auto& self = static_cast<blocking_callback&>(node);
    if (home* loop = done.where(); loop != nullptr) {
      loop->post(self);
    } else {
      call(self, fate::runs);
    }
  }

  void report_failure(std::exception_ptr error) noexcept {
    constexpr const char* what = "Exception in a done callback of a blocking_future";
    const runtime_visit inside = core_->look();
    home* const loop = core_->where();
    make_report(loop, what, [&](report& r) {
      r.message = what;
      if (loop == nullptr) append_exception(r.details, error);
      r.exception = std::move(error);
    });
  }

  core_ref<future_core> core_;
  unique_function<void(future_core&)> callback_;
};

}  // namespace

void add_blocking_callback(future_core& core, unique_function<void(future_core&)> callback) {
  auto node = std::make_unique<blocking_callback>(core, std::move(callback));
  blocking_callback& added = *node.release();
  if (!core.add_unless_forsaken(added)) blocking_callback::call(added, runnable::fate::runs);
}

void append_blocking_text(std::string& out, const future_core& core, const std::type_info& result) {
  out += "<blocking_future at ";
  append_address(out, &core);
  out += " state=";
  switch (core.outcome()) {
    case future_core::status::pending:
      out += core.forsaken() ? "closed" : "pending";
      break;
    case future_core::status::cancelled:
      out += "cancelled";
      break;
    case future_core::status::finished:
      out += "finished returned ";
      append_type_name(out, result.name());
      break;
    case future_core::status::failed:
      out += "finished raised ";
      append_exception(out, core.slot().error);
      break;
  }
  out += '>';
}

}  // namespace gyre::detail
