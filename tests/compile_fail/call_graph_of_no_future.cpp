// expect: a call graph is taken of a future
// SPDX-License-Identifier: BSL-1.0
// proves: GRAPH-005
#include <gyre/gyre.hpp>

#ifdef GYRE_FIXED
void show(const gyre::task<int>& t) { gyre::print_call_graph(t); }
#else
void show(int t) { gyre::print_call_graph(t); }
#endif
