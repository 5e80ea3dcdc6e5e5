// SPDX-License-Identifier: BSL-1.0
#include "contestant.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iterator>

#include "process.hpp"

namespace bench {
namespace {

constexpr auto patience = std::chrono::seconds(20);

/// A gyre-bench, which says itself how it was built.
contestant built(const std::string& name, const std::string& program) {
  contestant gyre;
  gyre.name = name;
  gyre.own = true;
  gyre.argv = {program, "--child"};
  process asked({program, "--about"});
  if (const auto line = asked.read_line(std::chrono::steady_clock::now() + patience)) {
    gyre.about = record::parse(*line).value_or(record());
  }
  return gyre;
}

contestant compiled(const std::string& folder, const std::string& name, const std::string& needs) {
  contestant peer;
  peer.name = name;
  peer.needs = needs;
  const std::string program = folder + "/" + name + "-bench";
  if (access(program.c_str(), X_OK) == 0) peer.argv = {program};
  return peer;
}

bool imports(const std::string& python, const std::string& module) {
  process probe({python, "-c", "import " + module}, {}, true);
  return probe.wait(std::chrono::steady_clock::now() + patience).code == 0;
}

contestant interpreted(const std::string& folder, const std::string& name, const std::string& needs) {
  const char* chosen = std::getenv("GYRE_BENCH_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "/usr/bin/python3";  // Debian's, which its uvloop fits
  contestant peer;
  peer.name = name;
  peer.needs = needs;
  peer.single_thread = true;
  peer.light = true;
  if (imports(python, name)) peer.argv = {python, folder + "/python_bench.py", name};
  return peer;
}

}  // namespace

std::vector<contestant> find_contestants(const std::string& self, const std::string& beside, const std::string& peers) {
  const std::string folder = peers.empty() ? self.substr(0, self.rfind('/')) + "/peers" : peers;
  std::vector<contestant> all{built("gyre", self)};
  if (!beside.empty()) {
    all.push_back(built("gyre", beside));
    const std::string compiler = all.back().about.text("compiler");
    all.back().name.append("-").append(compiler.substr(0, compiler.find(' ')));
  }
  const contestant others[] = {
      compiled(folder, "epoll", "nothing"),
      compiled(folder, "asio", "libboost1.81-dev"),
      compiled(folder, "tbb", "libtbb-dev"),
      compiled(folder, "tokio", "cargo librust-tokio-dev"),
      compiled(folder, "go", "golang-go"),
      interpreted(folder, "asyncio", "python3"),
      interpreted(folder, "uvloop", "python3-uvloop"),
  };
  all.insert(all.end(), std::begin(others), std::end(others));
  return all;
}

}  // namespace bench
