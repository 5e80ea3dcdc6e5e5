// SPDX-License-Identifier: BSL-1.0
#include "network_endpoint.hpp"
#include "network_listener.hpp"

#include <gyre/base/assert.hpp>

#include <utility>

namespace gyre::testing {

using boost::system::error_code;
using detail::network_endpoint;
using detail::network_listener;
namespace error = boost::asio::error;

namespace {

void check(const error_code& why, const char* call) {
  if (why) throw boost::system::system_error(why, call);
}

template <class Target>
Target& there(const std::shared_ptr<Target>& end) noexcept {
  GYRE_ASSERT(end != nullptr, "a virtual stream or acceptor was used after it had been moved from");
  return *end;
}

}  // namespace

network_stream::network_stream(network& net, std::string host, const executor_type& executor)
    : end_(std::make_shared<network_endpoint>(net.core_, std::move(host))) {
  end_->attach(executor);
}

network_stream& network_stream::operator=(network_stream&& other) noexcept {
  if (this != &other) {
    error_code ignored;
    close(ignored);
    end_ = std::move(other.end_);
  }
  return *this;
}

network_stream::~network_stream() {
  error_code ignored;
  close(ignored);
}

network_stream::executor_type network_stream::executor_of(const target& end) noexcept { return there(end).executor(); }
network_stream::executor_type network_stream::get_executor() const noexcept { return executor_of(end_); }

bool network_stream::is_open() const noexcept {
  return end_ != nullptr && end_->where() != network_endpoint::state::closed;
}

std::size_t network_stream::available() const { return there(end_).available(); }

network_stream::endpoint_type network_stream::local_endpoint() const {
  if (!is_open()) check(error::bad_descriptor, "local_endpoint");
  return end_->local();
}

network_stream::endpoint_type network_stream::remote_endpoint() const {
  if (!is_open()) check(error::bad_descriptor, "remote_endpoint");
  if (end_->where() != network_endpoint::state::connected) check(error::not_connected, "remote_endpoint");
  return end_->remote();
}

// The peer of a connection that is over may still have the end of it: a new connection has a new one.
void network_stream::renew() {
  if (!there(end_).used_up()) return;
  const executor_type executor = end_->executor();
  end_ = std::make_shared<network_endpoint>(end_->shared_core(), end_->host());
  end_->attach(executor);
}

void network_stream::open() {
  renew();
  end_->open();
}

void network_stream::shutdown(shutdown_type what, error_code& error) { error = there(end_).shutdown(what); }
void network_stream::shutdown(shutdown_type what) {
  error_code why;
  shutdown(what, why);
  check(why, "shutdown");
}

void network_stream::close(error_code& error) {
  error.clear();
  if (end_ != nullptr) end_->close(network_endpoint::farewell::polite);
}
void network_stream::close() {
  error_code never_set;
  close(never_set);
}

void network_stream::cancel(error_code& error) {
  error = is_open() ? error_code() : error_code(error::bad_descriptor);
  if (!error) end_->cancel_all();
}
void network_stream::cancel() {
  error_code why;
  cancel(why);
  check(why, "cancel");
}

void network_stream::reset() { there(end_).close(network_endpoint::farewell::reset); }
void network_stream::vanish() { there(end_).close(network_endpoint::farewell::none); }

void network_stream::read(const target& end, std::vector<boost::asio::mutable_buffer> buffers, op_pointer op) {
  end->read(std::move(buffers), std::move(op));
}
void network_stream::write(const target& end, std::vector<boost::asio::const_buffer> buffers, op_pointer op) {
  end->write(std::move(buffers), std::move(op));
}
void network_stream::connect(const target& end, const network_address& peer, op_pointer op) {
  end->connect(peer, std::move(op));
}

network_acceptor::network_acceptor(network& net, network_address at, const executor_type& executor)
    : end_(std::make_shared<network_listener>(net.core_)) {
  end_->listen(std::move(at), executor);
}

network_acceptor& network_acceptor::operator=(network_acceptor&& other) noexcept {
  if (this != &other) {
    if (end_ != nullptr) end_->close();
    end_ = std::move(other.end_);
  }
  return *this;
}

network_acceptor::~network_acceptor() {
  if (end_ != nullptr) end_->close();
}

network_acceptor::executor_type network_acceptor::executor_of(const target& end) noexcept {
  return there(end).executor();
}
network_acceptor::executor_type network_acceptor::get_executor() const noexcept { return executor_of(end_); }
bool network_acceptor::is_open() const noexcept { return end_ != nullptr && end_->is_open(); }

network_acceptor::endpoint_type network_acceptor::local_endpoint() const {
  if (!is_open()) check(error::bad_descriptor, "local_endpoint");
  return end_->address();
}

void network_acceptor::close(error_code& error) {
  error.clear();
  if (end_ != nullptr) end_->close();
}
void network_acceptor::close() {
  error_code never_set;
  close(never_set);
}

void network_acceptor::cancel(error_code& error) {
  error = is_open() ? error_code() : error_code(error::bad_descriptor);
  if (!error) end_->cancel_all();
}
void network_acceptor::cancel() {
  error_code why;
  cancel(why);
  check(why, "cancel");
}

void network_acceptor::accept(const target& end, const executor_type& executor, op_pointer op) {
  op->accept_on = executor;
  end->accept(std::move(op));
}

}  // namespace gyre::testing
