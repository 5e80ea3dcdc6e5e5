// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/intrusive_list.hpp>

#include <array>
#include <string>

namespace {

using gyre::detail::intrusive_list;
using gyre::detail::list_link;

struct other_tag {};
struct element : list_link<>, list_link<other_tag> {
  explicit element(char n) : name(n) {}
  char name;
};
using list = intrusive_list<element>;

std::string names(list& l) {
  std::string all;
  l.for_each([&](element& e) { all += e.name; });
  return all;
}

struct three {
  element a{'a'}, b{'b'}, c{'c'};
};

TEST_CASE("intrusive_list: elements go in at both ends and out at the front", "[base][intrusive_list]") {
  three e;
  list l;
  CHECK(l.empty());
  l.push_back(e.b);
  l.push_back(e.c);
  l.push_front(e.a);

  CHECK(names(l) == "abc");
  CHECK(&l.front() == &e.a);
  CHECK(&l.back() == &e.c);
  CHECK(&l.pop_front() == &e.a);
  CHECK(names(l) == "bc");
  CHECK_FALSE(static_cast<list_link<>&>(e.a).linked());
}

TEST_CASE("intrusive_list: any element leaves, and may come again", "[base][intrusive_list]") {
  three e;
  list l;
  for (element* each : {&e.a, &e.b, &e.c}) l.push_back(*each);

  static_cast<list_link<>&>(e.b).unlink();
  CHECK(names(l) == "ac");
  l.push_back(e.b);
  CHECK(names(l) == "acb");
  while (!l.empty()) static_cast<void>(l.pop_front());
  CHECK(names(l).empty());
}

TEST_CASE("intrusive_list: splice_back moves everything in order", "[base][intrusive_list]") {
  three e;
  list from, to, nothing;
  to.push_back(e.a);
  from.push_back(e.b);
  from.push_back(e.c);

  to.splice_back(from);
  to.splice_back(nothing);
  CHECK(names(to) == "abc");
  CHECK(from.empty());

  from.splice_back(to);  // into an empty one
  CHECK(names(from) == "abc");
  while (!from.empty()) static_cast<void>(from.pop_front());
}

TEST_CASE("intrusive_list: for_each may unlink the element at hand", "[base][intrusive_list]") {
  three e;
  list l;
  for (element* each : {&e.a, &e.b, &e.c}) l.push_back(*each);

  l.for_each([](element& each) {
    if (each.name != 'b') static_cast<list_link<>&>(each).unlink();
  });
  CHECK(names(l) == "b");
  static_cast<void>(l.pop_front());
}

TEST_CASE("intrusive_list: an element is in one list per tag", "[base][intrusive_list]") {
  element e('e');
  list l;
  intrusive_list<element, other_tag> m;
  l.push_back(e);
  m.push_back(e);

  static_cast<list_link<>&>(e).unlink();
  CHECK(l.empty());
  CHECK(&m.front() == &e);
  static_cast<void>(m.pop_front());
}

}  // namespace
