// SPDX-License-Identifier: BSL-1.0
// How many cores may be used; names and cores of loops' threads.
#include "loop_test.hpp"
#include "runtime/cgroup.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

/// A folder that stands for the root of the file system.
class fake_root {
 public:
  fake_root() {
    std::string name = (std::filesystem::temp_directory_path() / "gyre-cores-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  fake_root(const fake_root&) = delete;
  fake_root& operator=(const fake_root&) = delete;
  ~fake_root() { std::filesystem::remove_all(path_); }

  fake_root& file(const std::string& name, const std::string& text) {
    const std::filesystem::path full = path_ + name;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
    return *this;
  }
  [[nodiscard]] std::optional<int> cores() const { return detail::cores_of_cgroups(path_); }

 private:
  std::string path_;
};

constexpr const char* unified_mount =
    "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
    "31 30 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

cpu_set_t mask_here() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  REQUIRE(::sched_getaffinity(0, sizeof mask, &mask) == 0);
  return mask;
}

std::string name_here() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

coro<std::string> thread_name() { co_return name_here(); }
coro<int> cores_of_thread() {
  const cpu_set_t mask = mask_here();
  co_return CPU_COUNT(&mask);
}

}  // namespace

TEST_CASE("cores: cpu.max of a version 2 group", "[runtime][cores]") {
  using detail::cores_of_cpu_max;
  CHECK(cores_of_cpu_max("max 100000\n") == std::nullopt);
  CHECK(cores_of_cpu_max("200000 100000\n") == 2);
  CHECK(cores_of_cpu_max("200001 100000") == 3);
  CHECK(cores_of_cpu_max("50000 100000\n") == 1);
  CHECK(cores_of_cpu_max("1 1000000\n") == 1);
  CHECK(cores_of_cpu_max("9223372036854775807 1\n") == 1 << 20);
  for (const char* wrong :
       {"", "\n", "200000", "0 100000", "-1 100000", "200000 0", "2e5 1e5", "99999999999999999999 1"}) {
    INFO(wrong);
    CHECK(cores_of_cpu_max(wrong) == std::nullopt);
  }
}

TEST_CASE("cores: quota and period of a version 1 group", "[runtime][cores]") {
  using detail::cores_of_cfs;
  CHECK(cores_of_cfs("-1\n", "100000\n") == std::nullopt);
  CHECK(cores_of_cfs("150000\n", "100000\n") == 2);
  CHECK(cores_of_cfs("400000\n", "100000\n") == 4);
  CHECK(cores_of_cfs("", "100000\n") == std::nullopt);
  CHECK(cores_of_cfs("100000\n", "") == std::nullopt);
}

TEST_CASE("cores: the smallest quota of a version 2 group and those above it", "[runtime][cores]") {
  fake_root root;
  root.file("/proc/self/mountinfo", unified_mount).file("/proc/self/cgroup", "0::/user.slice/job:1/step\n");
  CHECK(root.cores() == std::nullopt);
  root.file("/sys/fs/cgroup/user.slice/job:1/step/cpu.max", "max 100000\n");
  CHECK(root.cores() == std::nullopt);
  root.file("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
  CHECK(root.cores() == 3);
  root.file("/sys/fs/cgroup/user.slice/job:1/cpu.max", "600000 100000\n");
  CHECK(root.cores() == 3);
  root.file("/sys/fs/cgroup/user.slice/job:1/step/cpu.max", "100000 100000\n");
  CHECK(root.cores() == 1);
}

TEST_CASE("cores: in a container with its own name space", "[runtime][cores]") {
  fake_root root;
  root.file("/proc/self/mountinfo", unified_mount)
      .file("/proc/self/cgroup", "0::/\n")
      .file("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  CHECK(root.cores() == 2);
  root.file("/proc/self/cgroup", "0::/../../other\n");  // seen from inside, the process is in a group outside
  CHECK(root.cores() == 2);
}

TEST_CASE("cores: a version 1 hierarchy, whose mount shows the container's group", "[runtime][cores]") {
  fake_root root;
  root.file("/proc/self/mountinfo",
            "40 32 0:35 /docker/abc /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n"
            "41 32 0:36 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:18 - cgroup cgroup rw,cpu,cpuacct\n")
      .file("/proc/self/cgroup", "12:cpuset:/docker/abc\n4:cpu,cpuacct:/docker/abc/inner\n1:name=systemd:/docker/abc\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "350000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(root.cores() == 4);
  root.file("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
  CHECK(root.cores() == 4);
  root.file("/proc/self/cgroup", "4:cpu,cpuacct:/docker/abcd\n");  // not below what is mounted: the mount counts
  CHECK(root.cores() == 4);
}

TEST_CASE("cores: without control groups, and with files that make no sense", "[runtime][cores]") {
  fake_root root;
  CHECK(root.cores() == std::nullopt);
  root.file("/proc/self/mountinfo", "31 30 0:27\n\n- - - -\n31 30 0:27 / /sys/fs/cgroup rw - cgroup2\n")
      .file("/proc/self/cgroup", "nonsense\n0:\n::\n0::/\n");
  CHECK(root.cores() == std::nullopt);
}

TEST_CASE("cores: the affinity mask bounds what may be used", "[runtime][cores]") {
  const int before = usable_cores();
  CHECK(before >= 1);
  const cpu_set_t all = mask_here();
  CHECK(before <= CPU_COUNT(&all));
  std::thread([] {
    const cpu_set_t mask = mask_here();
    std::size_t first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(usable_cores() == 1);
    if (std::getenv("GYRE_LOOPS") == nullptr) CHECK(run_options().resolved_loops() == 1);
  }).join();
}

TEST_CASE("threads of loops: names", "[runtime][threads]") {
  runtime r(run_options().loops(3));
  runtime named(run_options().loops(2).name("a-long-prefix"));
  for (int i = 0; i < 3; ++i) {
    CHECK(run_coroutine_threadsafe(thread_name(), r.loop(i)).result() == "gyre-" + std::to_string(i));
  }
  CHECK(run_coroutine_threadsafe(thread_name(), named.loop(1)).result() == "a-long-pre-1");
  const auto main = []() -> coro<std::string> {
    const task_options there{.pin = true, .loop = &current_runtime().loop(1)};
    const task<std::string> t = create_task(there, thread_name);
    const std::string other = co_await t;
    co_return name_here() + " " + other;
  };
  CHECK(run(main(), run_options().loops(2).name("srv")) == name_here() + " srv-1");
}

TEST_CASE("threads of loops: tied to one core each, and the caller's only while it runs", "[runtime][threads][cores]") {
  const cpu_set_t before = mask_here();
  const int cores = usable_cores();
  const auto main = [](int expected) -> coro<> {
    const int here = co_await cores_of_thread();
    CHECK(here == 1);
    for (int i = 0; i < loop_count(); ++i) {
      const task_options there{.pin = true, .loop = &current_runtime().loop(i)};
      const task<int> t = create_task(there, cores_of_thread);
      const int tied_to = co_await t;
      CHECK(tied_to == 1);
    }
    CHECK(usable_cores() == expected);
    // What gyre starts from there is not tied: a pool's thread, another runtime's.
    const int in_pool = co_await to_thread([] {
      const cpu_set_t mask = mask_here();
      return CPU_COUNT(&mask);
    });
    CHECK(in_pool >= expected);
    const int beside = co_await to_thread([] {
      runtime inner(run_options().loops(1));
      return run_coroutine_threadsafe(cores_of_thread(), inner).result();
    });
    CHECK(beside >= expected);
  };
  run(main(cores), run_options().loops(3).pin_threads(true));
  const cpu_set_t after = mask_here();
  CHECK(CPU_EQUAL(&before, &after));
  runner kept(run_options().loops(2).pin_threads(true));
  CHECK(kept.run(cores_of_thread()) == 1);
  kept.close();
  const cpu_set_t closed = mask_here();
  CHECK(CPU_EQUAL(&before, &closed));
  runtime r(run_options().loops(2).pin_threads(true));
  for (int i = 0; i < 2; ++i) CHECK(run_coroutine_threadsafe(cores_of_thread(), r.loop(i)).result() == 1);
}
