// SPDX-License-Identifier: BSL-1.0
// Model of the way of memory between threads: a cell that one thread gives back is used by another one, by one at a time.
#include <gyre/core/free_cells.hpp>

#include <array>
#include <memory>

#include "model_policy.hpp"

void gyre::detail::backoff::once() noexcept { gyre_model_backoff(); }

namespace {

using namespace gyre_model;
namespace detail = gyre::detail;

using cell = detail::basic_free_cell<model_policy>;
using list = detail::basic_cell_list<model_policy>;
using batches = detail::basic_cell_batches<model_policy>;

/// A frame: what its user writes lies over the links.
struct frame : cell {
  bool used = false;  // bookkeeping of the model, which runs one thread at a time
};

/// Threads with lists of their own: as frame_pool.cpp, with a bound of two cells and nothing but what is there at first.
template <class Derived, int Threads>
struct pool_model : rl::test_suite<Derived, Threads> {
  static constexpr int cells = 4;
  static constexpr int bound = 2;
  struct state {
    batches central;
    std::array<frame, cells> frames;
    std::array<list, Threads> lists;
  };
  std::unique_ptr<state> world;

  void before() {
    world = std::make_unique<state>();
    world->lists.fill(list(bound));
  }
  void after() {
    int left = 0;
    for (unsigned who = 0; who < Threads; ++who) give_all(who);
    for (cell* chain = world->central.take(); chain != nullptr; chain = world->central.take()) {
      list all;
      all.adopt(chain);
      left += all.count();
      while (!all.empty()) use(all.pop());
    }
    RL_ASSERT(left == cells);
    world.reset();
  }

  static frame* use(cell* c) {
    auto* f = static_cast<frame*>(c);
    RL_ASSERT(!f->used);
    f->used = true;
    f->next = nullptr;  // the user's data
    f->next_batch = nullptr;
    return f;
  }
  frame* allocate(unsigned who) {
    list& mine = world->lists[who];
    if (mine.empty()) {
      cell* chain = world->central.take();
      if (chain == nullptr) return nullptr;
      mine.adopt(chain);
    }
    return use(mine.pop());
  }
  void deallocate(unsigned who, frame* f) {
    if (f == nullptr) return;
    f->used = false;
    list& mine = world->lists[who];
    if (mine.full()) world->central.give(mine.cut_half());
    mine.push(f);
  }
  /// As a thread that ends.
  void give_all(unsigned who) {
    if (cell* mine = world->lists[who].cut_all(); mine != nullptr) world->central.give(mine);
  }
};

/// One that only frees, as a thief does, and two that take what it gives.
struct freed_elsewhere : pool_model<freed_elsewhere, 3> {
  void before() {
    pool_model::before();
    for (frame& f : world->frames) f.used = true;
  }
  void thread(unsigned who) {
    if (who == 0) {
      for (frame& f : world->frames) deallocate(0, &f);
      return;
    }
    frame* first = allocate(who);
    frame* second = allocate(who);
    deallocate(who, first);
    deallocate(who, second);
  }
};

/// Batches that go back and forth.
struct back_and_forth : pool_model<back_and_forth, 3> {
  void before() {
    pool_model::before();
    for (frame& f : world->frames) {
      f.next = nullptr;
      world->central.give(&f);
    }
  }
  void thread(unsigned who) {
    for (int i = 0; i < 2; ++i) {
      deallocate(who, allocate(who));
      give_all(who);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<freed_elsewhere>("cells: freed on another thread", 3),
              scenario<back_and_forth>("cells: batches back and forth", 3)});
}
