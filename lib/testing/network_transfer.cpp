// SPDX-License-Identifier: BSL-1.0
// Reads and writes of a virtual connection, its ends and breaks.
#include "network_endpoint.hpp"

#include <algorithm>
#include <utility>

namespace gyre::detail {

namespace error = boost::asio::error;
using boost::system::error_code;

void network_endpoint::read(std::vector<boost::asio::mutable_buffer> buffers, std::unique_ptr<network_op> op) {
  if (boost::asio::buffer_size(buffers) == 0) return end(network_event::read, std::move(op), {});
  if (state_ == state::closed) return end(network_event::read, std::move(op), error::bad_descriptor);
  if (state_ == state::connected && core_->breaks()) break_connection();
  reads_.push_back(read_op{std::move(buffers), std::move(op)});
  look_at(core_->now());
}

void network_endpoint::write(std::vector<boost::asio::const_buffer> buffers, std::unique_ptr<network_op> op) {
  if (boost::asio::buffer_size(buffers) == 0) return end(network_event::write, std::move(op), {});
  if (state_ == state::closed) return end(network_event::write, std::move(op), error::bad_descriptor);
  if (state_ == state::connected && core_->breaks()) break_connection();
  writes_.push_back(write_op{std::move(buffers), std::move(op)});
  look_at(core_->now());
}

// What has arrived comes before a reset, and an end that the peer announced hides one: Linux.
bool network_endpoint::try_read(read_op& each) {
  error_code why;
  if (state_ != state::connected) {
    why = error::not_connected;
  } else if (const std::size_t ready = available(); ready > 0) {
    std::size_t most = std::min(ready, boost::asio::buffer_size(each.buffers));
    if (most > 1 && core_->short_read()) most = 1 + core_->choose(most - 1);
    each.op->bytes = take_bytes(each.buffers, most);
    const auto peer = peer_.lock();
    if (peer != nullptr && !peer->writes_.empty() && !split()) peer->look_at(core_->now() + core_->delay());
  } else if (there(fin_at_)) {
    why = error::eof;
  } else if (there(reset_at_)) {
    why = after_reset(true);
  } else if (!receives_) {
    why = error::eof;
  } else {
    return false;
  }
  end(network_event::read, std::move(each.op), why);
  return true;
}

bool network_endpoint::try_write(write_op& each) {
  error_code why;
  if (state_ == state::connected && there(reset_at_)) {
    why = after_reset(false);
  } else if (state_ != state::connected || sent_fin_) {
    why = error::broken_pipe;
  } else if (std::size_t most = std::min(room(), boost::asio::buffer_size(each.buffers)); most > 0) {
    if (most > 1 && core_->short_write()) most = 1 + core_->choose(most - 1);
    std::string bytes(most, '\0');
    each.op->bytes = boost::asio::buffer_copy(boost::asio::buffer(bytes), each.buffers);
    send(std::move(bytes));
  } else {
    return false;
  }
  end(network_event::write, std::move(each.op), why);
  return true;
}

// One operation gets the error, the next ones find a connection that has ended.
error_code network_endpoint::after_reset(bool reading) {
  if (!std::exchange(reset_told_, true) && !there(fin_at_)) return error::connection_reset;
  return reading ? error_code(error::eof) : error_code(error::broken_pipe);
}

std::size_t network_endpoint::available() const {
  std::size_t sum = 0;
  for (const segment& each : incoming_) {
    if (each.arrival > core_->now()) break;
    sum += each.bytes.size() - each.taken;
  }
  return sum;
}

std::size_t network_endpoint::take_bytes(const std::vector<boost::asio::mutable_buffer>& buffers, std::size_t most) {
  std::string bytes;
  while (bytes.size() < most) {
    segment& first = incoming_.front();
    const std::size_t part = std::min(most - bytes.size(), first.bytes.size() - first.taken);
    bytes.append(first.bytes, first.taken, part);
    first.taken += part;
    if (first.taken == first.bytes.size()) incoming_.pop_front();
  }
  queued_ -= most;
  return boost::asio::buffer_copy(buffers, boost::asio::buffer(bytes));
}

std::size_t network_endpoint::room() const {
  const auto peer = peer_.lock();
  const std::size_t kept = unanswered_ + (peer == nullptr ? 0 : peer->queued_);
  return core_->capacity() - std::min(core_->capacity(), kept);
}

std::int64_t network_endpoint::arrival() {
  if (split()) return never;
  const std::int64_t when = core_->now() + core_->delay();
  const auto peer = peer_.lock();
  if (peer == nullptr) return when;
  return peer->last_arrival_ = std::max(when, peer->last_arrival_);
}

void network_endpoint::send(std::string bytes) {
  const std::int64_t when = arrival();
  const auto peer = peer_.lock();
  if (peer == nullptr || peer->deaf_) {
    unanswered_ += bytes.size();
    if (peer != nullptr && peer->state_ != state::closed) peer->receive_reset(when);
    answered_with_reset(when);
  } else if (peer->reset_at_) {
    unanswered_ += bytes.size();
  } else {
    peer->queued_ += bytes.size();
    peer->incoming_.push_back(segment{when, std::move(bytes)});
    peer->look_at(when);
  }
}

void network_endpoint::send_fin() {
  sent_fin_ = true;
  const std::int64_t when = arrival();
  const auto peer = peer_.lock();
  if (peer == nullptr || peer->reset_at_) return;
  peer->fin_at_ = when;
  peer->look_at(when);
}

void network_endpoint::send_reset() {
  const auto peer = peer_.lock();
  if (peer == nullptr) return;
  if (core_->choose(2) == 1) peer->lose_rest();
  peer->receive_reset(arrival());
}

// As if a machine between the two had forgotten the connection.
void network_endpoint::break_connection() {
  if (reset_at_) return;
  if (core_->choose(2) == 1) lose_rest();
  receive_reset(split() ? never : core_->now() + core_->delay());
  send_reset();
}

void network_endpoint::refuse_rest() {
  const auto first = std::find_if(incoming_.begin(), incoming_.end(),
                                  [now = core_->now()](const segment& each) { return each.arrival > now; });
  if (first == incoming_.end()) return;
  const std::int64_t arrival = first->arrival;
  lose_rest();
  if (const auto peer = peer_.lock(); peer != nullptr) peer->answered_with_reset(arrival);
}

void network_endpoint::answered_with_reset(std::int64_t arrival) {
  receive_reset(arrival == never || split() ? never : arrival + core_->delay());
}

void network_endpoint::receive_reset(std::int64_t when) {
  if (reset_at_ || state_ != state::connected) return;
  reset_at_ = when == never ? never : last_arrival_ = std::max(when, last_arrival_);
  look_at(*reset_at_);
}

void network_endpoint::lose_rest() {
  const std::int64_t now = core_->now();
  // What is lost still counts as queued: its sender gets no answer.
  while (!incoming_.empty() && incoming_.back().arrival > now) incoming_.pop_back();
}

}  // namespace gyre::detail
