// SPDX-License-Identifier: BSL-1.0
#include "contestant.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "process.hpp"

namespace bench {
namespace {

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
  return probe.wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)).code == 0;
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

std::vector<contestant> find_contestants(const std::string& self) {
  const std::string folder = self.substr(0, self.rfind('/')) + "/peers";
  contestant gyre;
  gyre.name = "gyre";
  gyre.argv = {self, "--child"};
  return {
      gyre,
      compiled(folder, "epoll", "nothing"),
      compiled(folder, "asio", "libboost1.81-dev"),
      compiled(folder, "tbb", "libtbb-dev"),
      compiled(folder, "tokio", "cargo librust-tokio-dev"),
      compiled(folder, "go", "golang-go"),
      interpreted(folder, "asyncio", "python3"),
      interpreted(folder, "uvloop", "python3-uvloop"),
  };
}

}  // namespace bench
