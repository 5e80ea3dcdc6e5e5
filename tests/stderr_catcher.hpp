// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a test makes the library print.
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace gyre_test {

/// Takes what is written to stderr until it is asked for it.
class stderr_catcher {
 public:
  stderr_catcher() : kept_((std::fflush(stderr), ::dup(STDERR_FILENO))), file_(std::tmpfile()) {
    if (file_ == nullptr) throw std::runtime_error("stderr_catcher: no file");
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  stderr_catcher(const stderr_catcher&) = delete;
  stderr_catcher& operator=(const stderr_catcher&) = delete;
  ~stderr_catcher() {
    give_back();
    std::fclose(file_);
  }

  /// All that was printed; what comes from now on is not caught.
  [[nodiscard]] std::string text() {
    give_back();
    std::rewind(file_);
    std::string all(4096, '\0');
    all.resize(std::fread(all.data(), 1, all.size(), file_));
    return all;
  }

 private:
  void give_back() noexcept {
    if (kept_ < 0) return;
    std::fflush(stderr);
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
    kept_ = -1;
  }

  int kept_;
  std::FILE* file_;
};

}  // namespace gyre_test
