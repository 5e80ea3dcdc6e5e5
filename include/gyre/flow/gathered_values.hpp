// SPDX-License-Identifier: BSL-1.0
#pragma once
// gathered_values<T>: what gather over a range gives.  Layer: flow.
#include <gyre/core/frame_pool.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace gyre {

/// The results of a gather over a range, in its order: a std::vector whose memory is gyre's, which is had without malloc.
///
/// Thread:  like a std::vector; its memory may be given back on another thread, and after the runtime has gone.
/// Cost:    becomes a std::vector<T> by moving the elements.   Like: the list that asyncio.gather gives.
template <class T>
class gathered_values : public detail::pooled_vector<T> {
 public:
  using detail::pooled_vector<T>::pooled_vector;

  operator std::vector<T>() const& { return std::vector<T>(this->begin(), this->end()); }  // NOLINT: it is one
  operator std::vector<T>() && {                                                           // NOLINT
    std::vector<T> all;
    all.reserve(this->size());
    for (auto it = this->begin(); it != this->end(); ++it) all.push_back(std::move(*it));
    return all;
  }
  friend bool operator==(const gathered_values& a, const std::vector<T>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < b.size(); ++i) {
      if (!(a[i] == b[i])) return false;
    }
    return true;
  }
};

}  // namespace gyre
