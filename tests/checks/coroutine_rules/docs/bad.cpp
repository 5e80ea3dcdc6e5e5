// SPDX-License-Identifier: BSL-1.0
// Every line that ends in `bad: RULE` must be reported for that rule, every other line must not. Never compiled.
#include <gyre/gyre.hpp>

struct pair_of { std::string first, second; };

gyre::coro<> captures(std::string text) {
  co_await gyre::to_thread([text] { use(text); });                          // bad: R1
  co_await gyre::to_thread([text = std::move(text)]() mutable { use(text); });  // bad: R1
  co_await gyre::to_thread([=] { use(text); });                             // bad: R1
  auto result = co_await gyre::gather(                                      // the whole expression counts
      gyre::to_thread([&] { use(text); }),
      gyre::to_thread([&text, text2 = text] { use(text); }));               // bad: R1
  co_await gyre::to_thread([&text] { use(text); });
  co_await gyre::to_thread([](std::string copy) { use(copy); }, text);
  auto work = [text] { use(text); };
  co_await gyre::to_thread(std::move(work));
  auto task = start([text] { use(text); });
  co_await std::move(task);
  co_return;
}

gyre::coro<> braces(std::vector<int> numbers) {
  co_await take(pair_of{"a", "b"});       // bad: R3
  co_await take({"a", "b"});              // bad: R3
  co_await take({.first = "a"});          // bad: R3
  pair_of sums{co_await a(), co_await b()};  // bad: R5
  pair_of sum{co_await a()};
  co_await gyre::sleep(std::chrono::milliseconds{5});
  co_await gyre::wait(numbers, gyre::wait_options{.timeout = limit});
  pair_of named{"a", "b"};
  co_await take(std::move(named));
  if (co_await ready()) {
    pair_of other{"a", "b"};
    use(other);
  }
  for (int number : co_await all()) {
    pair_of other{"a", "b"};
  }
  while (!co_await ready()) co_await take({"a", "b"});  // bad: R3
}

gyre::coro<> choices(bool first) {
  std::string text = first ? co_await a() : co_await b();  // bad: R4
  co_await (first ? a() : b());                            // bad: R4
  const auto delay = first ? 1ms : 2ms;
  co_await gyre::sleep(delay);
  const char mark = co_await key() == '?' ? 'a' : 'b';  // bad: R4
  // coroutine-rules: allow, the arms are numbers
  const int number = first ? co_await one() : 2;
  co_await ask("really?");
}

gyre::coro<> handlers() {
  try {
    co_await a();
  } catch (const std::exception&) {  // bad: R10
    co_await b();
  } catch (const gyre::cancelled_error&) {
    auto later = [](int n) -> gyre::coro<> { co_await b(n); };
    keep(later);
  }
  alignas(64) int counters[2];          // bad: R7
  thread_local int calls = 0;           // bad: thread_local
  struct alignas(64) fine_here { int value; };
}

void starts(std::string text, gyre::task_group& group) {
  alignas(64) int counters[2] = {};
  thread_local int calls = 0;
  auto body = [text]() -> gyre::coro<> { co_return; };  // bad: R6
  auto free = []() -> gyre::coro<> { co_return; };
  auto near = [&]() -> gyre::coro<> {
    const auto numbers = co_await many([text] { use(text); });  // bad: R1
    co_await take({numbers, numbers});                          // bad: R3
    if (numbers[0]) co_return;
    values[keys[1]] = {1, 2};
  };
  run(near());
  int choice = text.empty() ? 1 : 2;
  auto [one, two] = split(text);
}

gyre::coro<int> dangles(const std::string& text) { co_return 1; }                     // bad: R9
gyre::coro<int> peer::dangles_too(int n, std::string_view text) { co_return n; }      // bad: R9
gyre::async_generator<int> moves(std::vector<int>&& numbers) { co_yield numbers[0]; }  // bad: R9
gyre::coro<int> fine(gyre::lock& lock, std::string text, const char* name) { co_return 1; }
gyre::coro<int> fine_too(const service& answers, std::vector<int>& numbers) { co_return answers.count(numbers); }
gyre::coro<int> declared(const std::string& text);
gyre::coro<int> no_coroutine(std::string&& text) { return fine(std::move(text)); }
gyre::coro<> until(const std::atomic<bool>& stop) { co_await turns(stop); }
