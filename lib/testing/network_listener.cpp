// SPDX-License-Identifier: BSL-1.0
#include "network_listener.hpp"

#include "network_endpoint.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace gyre::detail {

namespace error = boost::asio::error;
using boost::system::error_code;

network_listener::~network_listener() { close(); }

void network_listener::listen(testing::network_address at, const boost::asio::any_io_executor& executor) {
  io_ = io_of(executor);
  executor_ = executor;
  address_ = at.port() == 0 ? core_->free_port(at.host()) : std::move(at);
  if (core_->listener(address_) != nullptr) {
    throw boost::system::system_error(error::address_in_use, "listen at " + to_string(address_));
  }
  if (!core_->take_descriptor(address_.host())) throw boost::system::system_error(error::no_descriptors, "listen");
  if (const auto io = io_.lock(); io != nullptr) io->add_user(weak_from_this());
  number_ = core_->number_endpoint();
  core_->listen(*this, address_);
  open_ = true;
}

void network_listener::accept(std::unique_ptr<network_op> op) {
  static_cast<void>(io_of(op->accept_on));  // refused here rather than when there is a connection
  if (!open_) return end(std::move(op), error::bad_descriptor, core_->now());
  accepts_.push_back(std::move(op));
  look_now();
}

void network_listener::arrive(std::shared_ptr<network_endpoint> end) {
  queue_.push_back(std::move(end));
  look_now();
}

void network_listener::look_now() {
  const auto io = io_.lock();
  if (io == nullptr) return;
  io->at(core_->now(), [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr) self->look();
  });
}

// A lack of descriptors takes its time: a server that tries again at once must not stop the virtual clock.
void network_listener::look() {
  constexpr std::int64_t millisecond = 1'000'000;
  while (!accepts_.empty() && !queue_.empty()) {
    std::unique_ptr<network_op> op = std::move(accepts_.front());
    accepts_.pop_front();
    if (!core_->take_descriptor(address_.host())) {
      end(std::move(op), error::no_descriptors, core_->now() + millisecond);
      continue;
    }
    op->accepted = std::move(queue_.front());
    queue_.pop_front();
    op->accepted->own_descriptor();
    op->accepted->attach(op->accept_on);
    end(std::move(op), {}, core_->now());
  }
}

void network_listener::end(std::unique_ptr<network_op> op, error_code error, std::int64_t when) {
  op->error = error;
  core_->note(network_event::accept, number_, *op);
  end_network_op(io_, executor_, std::move(op), when);
}

void network_listener::cancel(std::uint64_t id) {
  const auto found = std::find_if(accepts_.begin(), accepts_.end(), [id](const auto& each) { return each->id == id; });
  if (found == accepts_.end()) return;
  std::unique_ptr<network_op> op = std::move(*found);
  accepts_.erase(found);
  end(std::move(op), error::operation_aborted, core_->now());
}

void network_listener::cancel_all() {
  while (!accepts_.empty()) cancel(accepts_.front()->id);
}

void network_listener::close() noexcept {
  if (!std::exchange(open_, false)) return;
  core_->unlisten(address_);
  core_->give_descriptor(address_.host());
  cancel_all();
  for (const auto& each : std::exchange(queue_, {})) each->close(network_endpoint::farewell::reset);
}

void network_listener::drop_operations() noexcept { const auto dropped = std::exchange(accepts_, {}); }

std::uint64_t next_operation(network_listener& target) noexcept { return target.core().number_operation(); }
void cancel_operation(network_listener& target, std::uint64_t id) { target.cancel(id); }

}  // namespace gyre::detail
