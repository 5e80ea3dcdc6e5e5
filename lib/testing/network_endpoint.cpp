// SPDX-License-Identifier: BSL-1.0
#include "network_endpoint.hpp"

#include "network_listener.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace gyre::detail {

namespace error = boost::asio::error;
using boost::system::error_code;

network_endpoint::network_endpoint(std::shared_ptr<network_core> core, std::string host)
    : core_(std::move(core)), number_(core_->number_endpoint()), host_(std::move(host)) {}

void network_endpoint::attach(const boost::asio::any_io_executor& executor) {
  io_ = io_of(executor);
  executor_ = executor;
  if (const auto io = io_.lock(); io != nullptr) io->add_user(weak_from_this());
  for (const segment& each : incoming_) look_at(each.arrival);
  if (fin_at_) look_at(*fin_at_);
  if (reset_at_) look_at(*reset_at_);
}

void network_endpoint::open() {
  if (state_ != state::closed) return;
  if (!core_->take_descriptor(host_)) throw boost::system::system_error(error::no_descriptors, "open");
  has_descriptor_ = true;
  state_ = state::open;
}

void network_endpoint::look_at(std::int64_t when) {
  const auto io = io_.lock();
  if (io == nullptr || when == never) return;
  io->at(when, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr) self->look();
  });
}

void network_endpoint::look() {
  try_connect();
  while (!reads_.empty() && try_read(reads_.front())) reads_.pop_front();
  while (!writes_.empty() && try_write(writes_.front())) writes_.pop_front();
}

void network_endpoint::end(network_event event, std::unique_ptr<network_op> op, error_code error) {
  op->error = error;
  core_->note(event, number_, *op);
  end_network_op(io_, executor_, std::move(op), core_->now());
}

void network_endpoint::connect(const testing::network_address& peer, std::unique_ptr<network_op> op) {
  if (state_ == state::connected || state_ == state::connecting) {
    const error_code why = state_ == state::connected ? error::already_connected : error::already_started;
    return end(network_event::connect, std::move(op), why);
  }
  if (state_ == state::closed) {
    if (!core_->take_descriptor(host_)) return end(network_event::connect, std::move(op), error::no_descriptors);
    has_descriptor_ = true;
  }
  if (local_.port() == 0) {
    local_ = core_->free_port(host_);
    core_->add(weak_from_this());
  }
  remote_ = peer;
  state_ = state::connecting;
  connecting_ = std::move(op);
  connect_at_ = never;
  if (!split()) connect_at_ = core_->now() + core_->delay() + core_->delay();  // there and back
  look_at(*connect_at_);
}

void network_endpoint::try_connect() {
  if (connecting_ == nullptr || !there(connect_at_)) return;
  network_listener* listener = core_->listener(remote_);
  state_ = state::open;
  if (listener == nullptr || core_->refuses()) {
    return end(network_event::connect, std::move(connecting_), error::connection_refused);
  }
  const auto other = answer(*this, remote_.host());
  peer_ = other;
  state_ = state::connected;
  listener->arrive(other);
  end(network_event::connect, std::move(connecting_), {});
}

std::shared_ptr<network_endpoint> network_endpoint::answer(network_endpoint& client, const std::string& host) {
  auto made = std::make_shared<network_endpoint>(client.core_, host);
  made->local_ = client.remote_;
  made->remote_ = client.local_;
  made->peer_ = client.weak_from_this();
  made->state_ = state::connected;
  client.core_->add(made);
  return made;
}

template <class Ops>
void network_endpoint::cancel_in(Ops& ops, network_event event, std::uint64_t id) {
  const auto found = std::find_if(ops.begin(), ops.end(), [id](const auto& each) { return each.op->id == id; });
  if (found == ops.end()) return;
  auto cancelled = std::move(found->op);
  ops.erase(found);
  end(event, std::move(cancelled), error::operation_aborted);
}

void network_endpoint::cancel(std::uint64_t id) {
  cancel_in(reads_, network_event::read, id);
  cancel_in(writes_, network_event::write, id);
  if (connecting_ == nullptr || connecting_->id != id) return;
  state_ = state::open;
  end(network_event::connect, std::move(connecting_), error::operation_aborted);
}

void network_endpoint::cancel_all() {
  while (!reads_.empty()) cancel(reads_.front().op->id);
  while (!writes_.empty()) cancel(writes_.front().op->id);
  if (connecting_ != nullptr) cancel(connecting_->id);
}

void network_endpoint::drop_operations() noexcept {
  const auto connecting = std::move(connecting_);
  const auto reads = std::exchange(reads_, {});
  const auto writes = std::exchange(writes_, {});
}

error_code network_endpoint::shutdown(boost::asio::socket_base::shutdown_type what) {
  if (state_ == state::closed) return error::bad_descriptor;
  if (state_ != state::connected || there(reset_at_)) return error::not_connected;
  if (what != boost::asio::socket_base::shutdown_receive && !sent_fin_) {
    send_fin();
    if (!core_->half_close()) {
      refuse_rest();
      deaf_ = true;
    }
  }
  if (what != boost::asio::socket_base::shutdown_send) receives_ = false;
  look_at(core_->now());
  return {};
}

// What Linux does: bytes that nobody has read turn a close into a reset.
void network_endpoint::close(farewell how) noexcept {
  if (state_ == state::closed) return;
  cancel_all();
  const bool connected = std::exchange(state_, state::closed) == state::connected;
  if (connected && !there(reset_at_)) {
    if (how == farewell::reset || (how == farewell::polite && available() > 0)) {
      send_reset();
    } else if (how == farewell::polite) {
      if (!sent_fin_) send_fin();
      refuse_rest();
    }
  }
  deaf_ = true;
  incoming_.clear();
  queued_ = 0;
  if (const auto peer = peer_.lock(); peer != nullptr && !split()) peer->look_at(core_->now() + core_->delay());
  if (std::exchange(has_descriptor_, false)) core_->give_descriptor(host_);
}

void network_endpoint::hold() {
  const std::int64_t now = core_->now();
  const auto keep_back = [now](std::optional<std::int64_t>& arrival) {
    if (arrival && *arrival > now) arrival = never;
  };
  for (segment& each : incoming_) {
    if (each.arrival > now) each.arrival = never;
  }
  keep_back(fin_at_);
  keep_back(reset_at_);
  keep_back(connect_at_);
  last_arrival_ = std::min(last_arrival_, now);
}

void network_endpoint::release() {
  const auto on_the_way = [this](std::int64_t& arrival) {
    if (arrival != never) return;
    arrival = last_arrival_ = std::max(last_arrival_, core_->now() + core_->delay());
    look_at(arrival);
  };
  for (segment& each : incoming_) on_the_way(each.arrival);
  if (fin_at_) on_the_way(*fin_at_);
  if (reset_at_) on_the_way(*reset_at_);
  if (connect_at_) on_the_way(*connect_at_);
  look_at(core_->now() + core_->delay());  // the peer has made room, maybe
}

std::uint64_t next_operation(network_endpoint& target) noexcept { return target.core().number_operation(); }
void cancel_operation(network_endpoint& target, std::uint64_t id) { target.cancel(id); }

}  // namespace gyre::detail
