// SPDX-License-Identifier: BSL-1.0
#pragma once
// The surroundings of simulated loops: a clock that stands, beds in place of reactors, turns in an order that the seed
// decides.  Layer: testing.  Bodies: world.cpp, bed.cpp
#include "../loop/platform.hpp"
#include "bed.hpp"
#include "choices.hpp"
#include "recorder.hpp"
#include "simulated_pool.hpp"

#include <gyre/core/trace.hpp>
#include <gyre/testing/simulation.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace gyre::testing {

/// What the seed decided for the whole run: each seed goes to extremes of its own. Without extremes only interruptions, if any.
struct temperament {
  std::uint64_t steps_a_turn = 0;  // 0: anything from 1 to 61
  std::int64_t step_cost = 0;      // ns by which a turn moves the clock
  std::int64_t queue_capacity = 256;
  unsigned neglected = 0;            // loop that hardly ever gets a turn, counted from 1; 0: none
  std::uint64_t stubborn = 1;        // the loop that went last goes on unless a choice of so many says otherwise
  std::uint64_t interruptions = 0;   // an await interrupts its loop once in so many; 0: never
  std::uint64_t false_alarms = 0;    // a sleeping loop wakes for nothing once in so many decisions; 0: never
  std::uint64_t early_clock = 0;     // the clock goes on although somebody could run once in so many; 0: never
  std::uint64_t late_functions = 0;  // an offloaded function takes its time once in so many; 0: never

  [[nodiscard]] static temperament extreme(choices& seed);
};

class simulation::world final : public detail::platform, public detail::loop_driver, public time_source {
 public:
  world(std::uint64_t seed, const sim_options& options);
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world() override;

  /// How many loops the run is to have.   Once, before it.
  [[nodiscard]] int choose_loops(const sim_options& options);

  static constexpr std::int64_t start_of_time = 1'000'000'000;  // ns; not 0, so that "earlier" exists

  [[nodiscard]] std::int64_t now() const noexcept override { return now_; }
  [[nodiscard]] std::int64_t elapsed() const noexcept { return now_ - start_of_time; }

  // platform
  void equip(detail::loop_setup& setup) override;
  void adopt(detail::loop_core& l) override;
  void forget(detail::loop_core& l) noexcept override;
  [[nodiscard]] std::uint64_t seed() override { return choose(UINT64_MAX); }
  [[nodiscard]] std::shared_ptr<offload_executor> make_executor() override;

  // loop_driver: the loops of `target`'s runtime take turns until it is to stop.
  void drive(detail::loop_core& target) override;

  /// A decision that goes into the trace.
  [[nodiscard]] std::uint64_t choose(std::uint64_t n) override;
  void note(std::uint64_t what) noexcept override { trace_ = (trace_ ^ what) * 0x100000001b3ULL; }
  [[nodiscard]] const time_source& clock() const noexcept override { return *this; }
  [[nodiscard]] choices& decisions() noexcept { return choices_; }
  [[nodiscard]] recorder& record() noexcept { return recorder_; }
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_; }

  /// In a turn, where it may be interrupted: another loop may go first.
  void interruption_point() noexcept;
  void trace(detail::trace_event event, detail::task_core& t) noexcept;

  /// The world of the loops that this thread makes and runs; null outside simulations.
  [[nodiscard]] static world*& here() noexcept;

 private:
  struct function {
    std::shared_ptr<simulated_pool> pool;
    std::size_t index;
  };

  [[nodiscard]] static bool takes_part(const bed& b, const detail::loop_core& target) noexcept;
  bed* step(detail::loop_core& target);
  void count_decision(detail::loop_core& target);
  void disturb(const detail::loop_core& target);
  void give_false_alarm(const detail::loop_core& target);
  void note_awake(const detail::loop_core& target);
  [[nodiscard]] std::size_t pick();
  bed* take_turn(bed& b, const detail::loop_core& target);
  [[nodiscard]] int steps_of_turn();
  void finish_turns();
  void note_functions();
  void run_function();
  [[nodiscard]] std::int64_t next_event(const detail::loop_core& target) const noexcept;
  void advance_clock(detail::loop_core& target);
  void check_stillness(const detail::loop_core& target);
  [[nodiscard]] const char* broken_by(detail::trace_event event, const detail::task_core& t) const noexcept;

  choices choices_;
  temperament temper_;
  std::uint64_t most_decisions_;
  std::int64_t now_ = start_of_time;
  std::uint64_t trace_;
  std::vector<std::unique_ptr<bed>> beds_;
  std::vector<std::weak_ptr<simulated_pool>> pools_;
  std::vector<bed*> awake_;          // in this step: in the order of turns, after who went last
  std::vector<function> functions_;  // in this step: those that may run
  recorder recorder_;
  const bed* last_ = nullptr;     // who took the last turn
  bed* turning_ = nullptr;        // whose turn runs now
  bool finishing_ = false;        // turns run to their ends
  const char* broken_ = nullptr;  // the first rule that a step has broken
  std::uint64_t next_check_ = 0;  // of what the loops have lost: not before so many decisions
  detail::platform* outer_;
  world* outer_world_;
};

}  // namespace gyre::testing
