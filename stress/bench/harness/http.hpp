// SPDX-License-Identifier: BSL-1.0
#pragma once
// http_pingpong: what client and server say to each other, the same for every runtime.
#include <string_view>

namespace bench {

constexpr int http_connections = 20;
constexpr std::string_view http_request = "HEAD / HTTP/1.1\r\nHost: host:port\r\nConnection: close\r\n\r\n";
constexpr std::string_view http_response =
    "HTTP/1.1 200 OK\nContent-Length: 12\nContent-Type: text/plain; charset=utf-8\n\nHello World!";

/// Requests of connection `i` of those that make `all` together.
constexpr long http_share(long all, int i) { return all / http_connections + (i < all % http_connections ? 1 : 0); }

}  // namespace bench
