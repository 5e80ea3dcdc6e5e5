// SPDX-License-Identifier: BSL-1.0
#include "ops.hpp"

namespace conformance {

const meaning& meaning_of(std::string_view name) {
  static const std::map<std::string_view, const meaning*> all = [] {
    std::map<std::string_view, const meaning*> made;
    for (const auto family : {body_ops(), task_ops(), flow_ops(), object_ops(), queue_ops()}) {
      for (const meaning& each : family) made.emplace(each.name, &each);
    }
    return made;
  }();
  const auto known = all.find(name);
  if (known == all.end()) throw std::runtime_error(std::string("unknown op: ").append(name));
  return *known->second;
}

}  // namespace conformance
