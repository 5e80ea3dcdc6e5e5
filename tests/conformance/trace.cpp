// SPDX-License-Identifier: BSL-1.0
#include "trace.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

namespace conformance {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

void append_escape(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex_digits[(unit >> shift) & 0xf];
}

// One code point outside ASCII, of UTF-8 that is known to be well formed: the parser has checked it.
std::size_t append_wide(std::string& out, std::string_view rest) {
  const auto first = static_cast<unsigned char>(rest[0]);
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  std::uint32_t point = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) point = point << 6 | (static_cast<unsigned char>(rest[i]) & 0x3fU);
  if (point < 0x10000) {
    append_escape(out, point);
  } else {
    append_escape(out, 0xd800 + ((point - 0x10000) >> 10));
    append_escape(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
  }
  return bytes;
}

class sha256 {
 public:
  void add(std::string_view text) {
    size_ += text.size();
    for (const char c : text) put(static_cast<std::uint8_t>(c));
  }

  std::string finish() {
    const std::uint64_t bits = size_ * 8;
    put(0x80);
    while (filled_ != 56) put(0);
    for (int shift = 56; shift >= 0; shift -= 8) put(static_cast<std::uint8_t>(bits >> shift));
    std::string out;
    for (const std::uint32_t word : state_) {
      for (int shift = 28; shift >= 0; shift -= 4) out += hex_digits[(word >> shift) & 0xf];
    }
    return out;
  }

 private:
  void put(std::uint8_t byte) {
    block_[filled_++] = byte;
    if (filled_ == block_.size()) {
      filled_ = 0;
      mix();
    }
  }

  void mix() {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i) {
      w[i] = std::uint32_t{block_[4 * i]} << 24 | std::uint32_t{block_[4 * i + 1]} << 16 |
             std::uint32_t{block_[4 * i + 2]} << 8 | std::uint32_t{block_[4 * i + 3]};
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t a = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const std::uint32_t b = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const std::uint32_t one = h + s1 + ((e & f) ^ (~e & g)) + rounds[i] + w[i];
      const std::uint32_t two = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = std::exchange(g, std::exchange(f, std::exchange(e, d + one)));
      d = std::exchange(c, std::exchange(b, std::exchange(a, one + two)));
    }
    const std::array<std::uint32_t, 8> sum{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < sum.size(); ++i) state_[i] += sum[i];
  }

  static constexpr std::array<std::uint32_t, 64> rounds{
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      i += append_wide(out, text.substr(i));
      continue;
    }
    constexpr std::string_view special = "\"\\\b\f\n\r\t", shown = "\"\\bfnrt";
    if (const auto place = special.find(c); place != std::string_view::npos) {
      out += '\\';
      out += shown[place];
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      append_escape(out, static_cast<unsigned char>(c));
    } else {
      out += c;
    }
    ++i;
  }
  out += '"';
}

void append_json(std::string& out, const value& v) {
  if (v.is_string()) {
    append_json(out, std::string_view(v.as_string()));
  } else if (v.is_array()) {
    out += '[';
    bool first = true;
    for (const value& each : v.as_array()) {
      if (!std::exchange(first, false)) out += ',';
      append_json(out, each);
    }
    out += ']';
  } else {
    out += boost::json::serialize(v);
  }
}

std::vector<std::string> canonical_lines(const std::vector<trace_event>& events) {
  std::vector<const trace_event*> sorted;
  for (const trace_event& each : events) sorted.push_back(&each);
  std::sort(sorted.begin(), sorted.end(), [](const trace_event* a, const trace_event* b) {
    return std::tie(a->ticks, a->name, a) < std::tie(b->ticks, b->name, b);  // addresses: the order in which they came
  });
  std::vector<std::string> lines;
  lines.reserve(events.size());
  for (const trace_event* each : sorted) {
    std::string line = "{\"ev\":\"";
    line += each->event;
    line += "\",\"t\":" + std::to_string(each->ticks) + ",\"task\":";
    append_json(line, each->name);
    line += ",\"v\":";
    append_json(line, each->v);
    line += '}';
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string digest_of(const std::vector<std::string>& lines) {
  sha256 sum;
  bool first = true;
  for (const std::string& each : lines) {
    if (!std::exchange(first, false)) sum.add("\n");
    sum.add(each);
  }
  return sum.finish();
}

}  // namespace conformance
