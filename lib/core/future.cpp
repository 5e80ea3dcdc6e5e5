// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/core/future.hpp>
#include <gyre/core/task_record.hpp>

#include <atomic>

namespace gyre::detail {
namespace {

constexpr node_kind callback_kind{"callback()"};

// A done callback: an entry of the future's list, then of its loop's ring.
class callback_node final : public completion_node, public pooled {
 public:
  callback_node(std::uint64_t id, unique_function<void(future_core&)> callback) noexcept
      : completion_node(&queue, &call, callback_kind), id_(id), callback_(std::move(callback)) {}

  context_slot context;  // that the callback runs in

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  static void queue(completion_node& node, future_core& done) noexcept {
    auto& self = static_cast<callback_node&>(node);
    self.done_ = core_ref<future_core>::share(done);
    done.post(self);
  }

 private:
  static void call(runnable& r, fate f) noexcept {
    const std::unique_ptr<callback_node> self(static_cast<callback_node*>(&r));
    if (f == fate::dropped) return;
    const entered_slot inside(self->context);
    try {
      self->callback_(*self->done_);
    } catch (...) {
      report_failure(*self, std::current_exception());
    }
  }

  static void report_failure(callback_node& self, const std::exception_ptr& error) noexcept {
    home* const loop = this_thread().loop;
    if (ends_program(error)) {
      loop->end_program(error);
      return;
    }
    make_report(loop, "Exception in callback", [&](report& failure) {
      failure.message = "Exception in callback";
      failure.exception = error;
      failure.future = self.done_.get();
      failure.context = &self.context;
      self.done_->append_text(failure.details);
    });
  }

  std::uint64_t id_;
  unique_function<void(future_core&)> callback_;
  core_ref<future_core> done_;
};

// Ids only tell callbacks of one future apart; one counter serves all.
std::atomic<std::uint64_t> next_callback_id{1};

}  // namespace

void plain_future::append_creation(std::string& out) const {
  if (created_.line() == 0) return;
  out += " created at ";
  append_place(out, created_);
}

void plain_future::append_origin(std::string& out) const {
  if (created_.line() == 0) return;
  out += "\n  created at ";
  append_place(out, created_);
}

std::uint64_t add_callback(future_core& core, unique_function<void(future_core&)> callback, const context* in) {
  const std::uint64_t id = next_callback_id.fetch_add(1, std::memory_order_relaxed);
  auto node = std::make_unique<callback_node>(id, std::move(callback));
  if (in != nullptr) {
    node->context.join(in->core());
  } else {
    node->context.copy_from(current_context());
  }
  callback_node& queued = *node.release();
  if (core.add(queued)) return id;
  {
    const runtime_visit inside = core.visit();
    if (inside.admitted()) {
      queued.deliver(core);
      return id;
    }
  }
  queued.drop();  // outside of the visit: the callback may be the last to own the loop
  return id;
}

std::size_t remove_callback(future_core& core, std::uint64_t id) noexcept {
  const auto matches = [id](completion_node& node) {
    return node.is(&callback_node::queue) && static_cast<callback_node&>(node).id() == id;
  };
  completion_node* found = core.remove_if(matches);
  if (found == nullptr) return 0;
  delete static_cast<callback_node*>(found);
  return 1;
}

void throw_no_state(const char* call) { throw invalid_state_error(std::string(call) + ": this handle is empty"); }
void throw_moved_out() { throw invalid_state_error("result was moved out"); }

void throw_result_set(const future_core& core) {
  std::string text = "the result is set already: ";
  core.append_text(text);
  throw invalid_state_error(text);
}

event_loop& loop_of(const future_core& core) {
  home* h = core.where();
  if (h == nullptr && !core.belongs_to_loop()) throw no_running_loop("get_loop: the future belongs to no loop");
  if (h == nullptr || h->closed()) throw loop_closed("get_loop: the event loop is closed");
  return h->as_loop();
}

home& running_home(const char* call) {
  home* h = this_thread().loop;
  if (h == nullptr) throw_no_loop(call, "no running event loop");
  return *h;
}

}  // namespace gyre::detail
