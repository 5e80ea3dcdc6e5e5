// SPDX-License-Identifier: BSL-1.0
#include "program.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace conformance {
namespace {

namespace json = boost::json;

std::string text_of(const value& v) { return std::string(v.as_string()); }

std::vector<std::string> texts_of(const value& v) {
  std::vector<std::string> all;
  for (const value& each : v.as_array()) all.push_back(text_of(each));
  return all;
}

// An op, scope or object may have a key that is null: that is as good as none.
const value* found(const json::object& o, std::string_view key) {
  const value* v = o.if_contains(key);
  return v == nullptr || v->is_null() ? nullptr : v;
}

std::optional<std::int64_t> number(const json::object& o, std::string_view key) {
  const value* v = found(o, key);
  if (v == nullptr) return std::nullopt;
  return v->to_number<std::int64_t>();
}

bool flag(const json::object& o, std::string_view key) {
  const value* v = found(o, key);
  return v != nullptr && v->as_bool();
}

block parse_block(const value& ops);

op parse_op(const json::object& given) {
  op o;
  const std::string kind = text_of(given.at("op"));
  if (kind != "return") o.does = &meaning_of(kind);
  const auto text = [&](std::string_view key, std::string& into) {
    if (const value* v = found(given, key)) into = text_of(*v);
  };
  const auto ops = [&](std::string_view key, block& into) {
    if (const value* v = found(given, key)) into = parse_block(*v);
  };
  text("task", o.task);
  text("obj", o.object);
  text("name", o.name);
  text("group", o.name);
  text("var", o.variable);
  text("error", o.error);
  text("return_when", o.return_when);
  ops("body", o.body);
  ops("do", o.body);
  ops("handler", o.handler);
  ops("finally", o.last);
  if (const value* v = found(given, "tasks")) o.tasks = texts_of(*v);
  if (const value* v = found(given, "catch")) o.catches = texts_of(*v);
  if (const value* v = found(given, "v")) o.v = *v;
  o.ticks = number(
      given, kind == "sleep" || kind == "timeout" || kind == "reschedule" || kind == "call_later" ? "d" : "timeout");
  o.count = number(given, "n");
  o.at_least = number(given, "ge").value_or(0);
  o.collects_errors = flag(given, "return_exceptions");
  o.rethrows = flag(given, "reraise");
  o.immediate = flag(given, "immediate");
  return o;
}

block parse_block(const value& ops) {
  block all;
  for (const value& each : ops.as_array()) all.push_back(parse_op(each.as_object()));
  return all;
}

object_spec parse_object(const json::object& given) {
  object_spec spec;
  spec.kind = text_of(given.at("kind"));
  for (const char* key : {"value", "parties", "maxsize"}) {
    if (const auto n = number(given, key)) spec.size = *n;
  }
  return spec;
}

reliance parse_order(const json::object& given) {
  const value* order = found(given, "order");
  if (order == nullptr) return reliance::fifo;  // the safe guess
  const std::string name = text_of(*order);
  if (name == "any") return reliance::any;
  if (name == "step") return reliance::step;
  if (name == "fifo") return reliance::fifo;
  throw std::runtime_error("unknown order: " + name);
}

// --- which gathers are the only ones to name their tasks --------------------------------------------------------------
void for_each_op(block& ops, bool repeated, const std::function<void(op&, bool repeated)>& f) {
  for (op& each : ops) {
    f(each, repeated);
    const bool again = repeated || (each.does != nullptr && each.does->name == "repeat");
    for (block* inner : {&each.body, &each.handler, &each.last}) for_each_op(*inner, again, f);
  }
}

bool is(const op& o, std::string_view name) { return o.does != nullptr && o.does->name == name; }

void study(scenario& s) {
  std::map<std::string, int> mentions;
  for (auto& [name, part] : s.tasks) {
    for_each_op(part.ops, false, [&, &self = part](op& o, bool) {
      if (is(o, "all_tasks")) s.lists_tasks = true;
      if (is(o, "cancel") || is(o, "uncancel") || is(o, "fut_cancel") || o.task == "self") self.asks_for_itself = true;
      if (!o.task.empty()) ++mentions[o.task];
      for (const std::string& each : o.tasks) ++mentions[each];
      const bool awaits = is(o, "await") || is(o, "wait_for") || is(o, "shield");
      if (const auto named = s.tasks.find(o.task); awaits && named != s.tasks.end())
        named->second.awaited_by_name = true;
      for (const std::string& each : o.tasks) {
        if (const auto named = s.tasks.find(each); named != s.tasks.end()) named->second.awaited_by_name = true;
      }
    });
  }
  for (auto& [name, part] : s.tasks) {
    for_each_op(part.ops, false, [&](op& o, bool repeated) {
      if (!is(o, "gather") || repeated || s.eager || o.tasks.empty()) return;
      o.of_strangers =
          std::all_of(o.tasks.begin(), o.tasks.end(), [&](const auto& each) { return mentions[each] == 1; });
    });
  }
}

}  // namespace

scenario parse_scenario(std::string_view line) {
  json::parse_options options;
  options.max_depth = 1000;  // blocks within blocks
  const value whole = json::parse(json::string_view(line.data(), line.size()), json::storage_ptr(), options);
  const json::object& given = whole.as_object();
  scenario s;
  s.id = text_of(given.at("id"));
  s.order = parse_order(given);
  s.eager = flag(given, "eager");
  if (const value* objects = found(given, "objects")) {
    for (const auto& [name, spec] : objects->as_object()) s.objects[std::string(name)] = parse_object(spec.as_object());
  }
  for (const auto& [name, ops] : given.at("tasks").as_object()) s.tasks[std::string(name)].ops = parse_block(ops);
  if (!s.tasks.contains("main")) throw std::runtime_error("a scenario without a task main");
  study(s);
  return s;
}

}  // namespace conformance
