// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/generator_state.hpp>
#include <gyre/core/task.hpp>

#include <utility>

namespace gyre::detail {

void generator_state::begin(home& loop) noexcept {
  loop_ = &loop.identity();
  era_ = loop_->era();
  stage_.store(stage::begun, std::memory_order_relaxed);
  loop.add_generator(*this);
}

void generator_state::end() noexcept {
  if (stage_.exchange(stage::ended, std::memory_order_relaxed) != stage::begun) return;
  if (home* loop = loop_->loop_of(era_); loop != nullptr) loop->remove_generator(*this);
}

void generator_state::release() noexcept {
  if (references_.drop()) destroy();
}

// A body that awaits something for a consumer who is destroyed goes with him; nobody could wait for its clean-up.
void generator_state::drop() noexcept {
  home* loop = begun() && !ended() && !inside ? loop_->loop_of(era_) : nullptr;
  if (loop == nullptr) {
    end();
    release();
    return;
  }
  if (loop->remove_generator(*this)) {
    loop->post(*this);  // with the object's share
  } else {
    release();  // the loop closes it already
  }
}

void generator_state::start_closing(runnable& r, fate f) noexcept {
  auto& g = static_cast<generator_state&>(r);
  if (f == fate::dropped) {
    g.end();
    g.release();
    return;
  }
  try {
    task_options options;
    options.pin = true;
    options.name = "close a dropped async generator";
    create_task(close_held(&g), options);
  } catch (...) {
    g.end();
    g.release();
  }
}

void generator_state::append_text(std::string& out) const {
  out += "<async_generator object ";
  out += name_of(promise());
  out += " at ";
  append_address(out, &promise());
  out += '>';
}

coro<> close_held(generator_state* g) {
  struct share {
    explicit share(generator_state* p) noexcept : held(p) {}
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() {
      held->end();
      held->release();
    }
    generator_state* held;
  };
  const share keep(g);
  std::exception_ptr error;
  try {
    co_await g->close();
  } catch (const base_exception&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  if (error == nullptr) co_return;
  report r;
  r.message = "an error occurred during closing of asynchronous generator ";
  g->append_text(r.message);
  r.exception = std::move(error);
  running_home("aclose").report_error(std::move(r));
}

}  // namespace gyre::detail
