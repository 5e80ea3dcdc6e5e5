// SPDX-License-Identifier: BSL-1.0
// Ops on queues of the three kinds.
#include "ops.hpp"

namespace conformance {
namespace {

template <class F>
auto on_queue(object& any, F f) {
  if (auto* queue = std::get_if<std::unique_ptr<gyre::priority_queue<value, value_order>>>(&any)) return f(**queue);
  if (auto* queue = std::get_if<std::unique_ptr<gyre::lifo_queue<value>>>(&any)) return f(**queue);
  return f(*std::get<std::unique_ptr<gyre::queue<value>>>(any));
}

template <class Queue>
gyre::coro<> put_into(Queue& queue, actor& me, const op& o) {
  co_await queue.put(o.v);
  me.in.note(me, "put", pair_of(o.object, o.v));
}

gyre::coro<> put(actor& me, const op& o) {
  return on_queue(me.in.object_of(o.object), [&](auto& queue) { return put_into(queue, me, o); });
}

void put_nowait(actor& me, const op& o) {
  on_queue(me.in.object_of(o.object), [&o](auto& queue) { queue.put_nowait(o.v); });
}

template <class Queue>
gyre::coro<> get_from(Queue& queue, actor& me, const op& o) {
  value item = co_await queue.get();
  me.in.note(me, "got", pair_of(o.object, std::move(item)));
}

gyre::coro<> get(actor& me, const op& o) {
  return on_queue(me.in.object_of(o.object), [&](auto& queue) { return get_from(queue, me, o); });
}

void get_nowait(actor& me, const op& o) {
  value item = on_queue(me.in.object_of(o.object), [](auto& queue) { return queue.get_nowait(); });
  me.in.note(me, "got", pair_of(o.object, std::move(item)));
}

void task_done(actor& me, const op& o) {
  on_queue(me.in.object_of(o.object), [](auto& queue) { queue.task_done(); });
}

template <class Queue>
gyre::coro<> join_all(Queue& queue, actor& me, const op& o) {
  co_await queue.join();
  me.in.note(me, "join", value(o.object));
}

gyre::coro<> join(actor& me, const op& o) {
  return on_queue(me.in.object_of(o.object), [&](auto& queue) { return join_all(queue, me, o); });
}

void qsize(actor& me, const op& o) {
  const std::size_t size = on_queue(me.in.object_of(o.object), [](auto& queue) { return queue.qsize(); });
  me.in.note(me, "qsize", pair_of(o.object, value(size)));
}

void shutdown(actor& me, const op& o) {
  on_queue(me.in.object_of(o.object), [&o](auto& queue) { queue.shutdown(o.immediate); });
}

constexpr meaning table[] = {waits("put", &put),
                             at_once("put_nowait", &put_nowait),
                             waits("get", &get),
                             at_once("get_nowait", &get_nowait),
                             at_once("task_done", &task_done),
                             waits("join", &join),
                             at_once("qsize", &qsize),
                             at_once("shutdown", &shutdown)};

}  // namespace

std::span<const meaning> queue_ops() { return table; }

}  // namespace conformance
