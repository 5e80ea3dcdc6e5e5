// SPDX-License-Identifier: BSL-1.0
// Ops that make, cancel and look at tasks.
#include "ops.hpp"

namespace conformance {
namespace {

void create(actor& me, const op& o) { static_cast<void>(me.in.task(o.task)); }

void spawn(actor& me, const op& o) {
  gyre::task_group* group = me.in.group(o.name);
  if (group == nullptr || me.in.is_made(o.task)) {
    me.in.note(me, "spawn", pair_of(o.task, value("skipped")));
    return;
  }
  actor& child = me.in.actor_of(o.task);
  me.in.enlist(child, group->create_task(me.in.options_for(child), live, std::ref(child)));
}

void cancel(actor& me, const op& o) {
  actor* target = me.in.aimed_at(me, o);
  const std::string& name = o.task == "self" ? me.name : o.task;
  if (target == nullptr) {
    me.in.note(me, "cancel", pair_of(name, value("absent")));
    return;
  }
  const bool accepted = target->shown.cancel();
  me.in.note(me, "cancel", pair_of(name, value(accepted)));
}

void cancelling(actor& me, const op& o) {
  const actor* target = me.in.aimed_at(me, o);
  const std::string& name = o.task == "self" ? me.name : o.task;
  value count("absent");
  if (target != nullptr) count = target->shown.cancelling();
  me.in.note(me, "cancelling", pair_of(name, std::move(count)));
}

void uncancel(actor& me, const op&) {
  if (!me.shown) throw gyre::lookup_error("uncancel: no task");
  const unsigned left = me.shown.uncancel();
  me.in.note(me, "uncancel", value(left));
}

value state_of(const actor* target) {
  if (target == nullptr) return value("absent");
  if (target->shown.cancelled()) return value("cancelled");
  if (!target->shown.done()) return value("pending");
  if (const std::exception_ptr error = target->shown.exception(); error != nullptr) return shown(error);
  return pair_of(value("value"), target->typed ? target->typed.result() : target->result);
}

void inspect(actor& me, const op& o) {
  const actor* target = me.in.aimed_at(me, o);
  me.in.note(me, "inspect", pair_of(o.task == "self" ? me.name : o.task, state_of(target)));
}

void list_tasks(actor& me, const op&) {
  boost::json::array names;
  for (const auto& [name, task] : me.in.by_name(gyre::all_tasks())) names.emplace_back(name);
  me.in.note(me, "all_tasks", value(std::move(names)));
}

constexpr meaning table[] = {at_once("create", &create),       at_once("spawn", &spawn),
                             at_once("cancel", &cancel),       at_once("cancelling", &cancelling),
                             at_once("uncancel", &uncancel),   at_once("inspect", &inspect),
                             at_once("all_tasks", &list_tasks)};

}  // namespace

std::span<const meaning> task_ops() { return table; }

}  // namespace conformance
