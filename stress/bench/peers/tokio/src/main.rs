// SPDX-License-Identifier: BSL-1.0

// tokio: called as the other programs are, tokio-bench WORKLOAD --threads T --size N --warmup N;
// exits with 3 when it does not have the workload. One thread is the current_thread runtime.
mod workloads;

use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// What one timed section took.
pub struct Outcome {
    ops: u64,
    wall: Duration,
    cpu: Duration,
    laps: Vec<Duration>, // of single operations, where a workload measures them
}

pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_time() }
    }
    pub fn stop(&self, ops: u64) -> Outcome {
        Outcome { ops, wall: self.wall.elapsed(), cpu: cpu_time() - self.cpu, laps: Vec::new() }
    }
    pub fn stop_with(&self, ops: u64, laps: Vec<Duration>) -> Outcome {
        Outcome { laps, ..self.stop(ops) }
    }
}

pub fn sum_below(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn option(name: &str, otherwise: u64) -> u64 {
    let words: Vec<String> = std::env::args().collect();
    let value = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    value.unwrap_or(otherwise)
}

fn percentiles(laps: &mut [Duration]) -> String {
    if laps.is_empty() {
        return String::new();
    }
    laps.sort();
    let us = |at: usize| laps[at].as_nanos() as f64 / 1e3;
    format!(",\"p50_us\":{:.2},\"p99_us\":{:.2}", us(laps.len() / 2), us(laps.len() * 99 / 100))
}

fn runtime(threads: u64) -> Runtime {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(threads as usize).enable_all().build().expect("a runtime")
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let threads = option("--threads", 1);
    let run = |size: u64| {
        let outcome = workloads::run(&name, size, runtime(threads));
        outcome.unwrap_or_else(|| std::process::exit(3))
    };
    let small = option("--warmup", 0);
    if small > 0 {
        run(small);
    }
    let before = peak_kb();
    let mut got = run(option("--size", 1000));
    let (seconds, ops) = (got.wall.as_secs_f64(), got.ops as f64);
    println!(
        "{{\"runtime\":\"tokio\",\"workload\":\"{name}\",\"threads\":{threads},\"n\":{},\"seconds\":{seconds:.6},\
         \"ops_per_s\":{:.1},\"ns_per_op\":{:.2},\"cpu_ns_per_op\":{:.2},\"rss_start_kb\":{before},\"max_rss_kb\":{}{}}}",
        got.ops,
        ops / seconds,
        seconds / ops * 1e9,
        got.cpu.as_secs_f64() / ops * 1e9,
        peak_kb(),
        percentiles(&mut got.laps),
    );
    std::process::exit(0);
}
