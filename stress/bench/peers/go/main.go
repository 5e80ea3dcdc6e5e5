// SPDX-License-Identifier: BSL-1.0

// Go: the workloads with goroutines and channels. Called as the other programs are:
// go-bench WORKLOAD --threads T --size N --warmup N; exits with 3 when it does not have the workload.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What one timed section took.
type outcome struct {
	ops  int
	wall time.Duration
	cpu  time.Duration
	laps []time.Duration // of single operations, where a workload measures them
}

var workloads = map[string]func(size int) outcome{
	"spawn_join": spawnJoin, "spawn_rounds": spawnRounds, "yield": yield, "pingpong": pingpong, "queue_mpmc": queue, "queue_spsc": queueSpsc,
	"sleepers": sleepers, "timers_churn": timersChurn, "lock": lock, "lock_contended": lockContended,
	"submit_lat": submitLat, "submit_tput": submitTput, "cancel": cancel, "echo": echo,
}

type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func start() stopwatch { return stopwatch{time.Now(), cpuTime()} }

func (s stopwatch) stop(ops int) outcome {
	return outcome{ops: ops, wall: time.Since(s.wall), cpu: cpuTime() - s.cpu}
}

func require(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "check failed:", what)
		os.Exit(9)
	}
}

func sumBelow(count int) int { return count * (count - 1) / 2 }

func peakKB() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kb, _ := strconv.Atoi(fields[1])
			return kb
		}
	}
	return 0
}

func option(name string, otherwise int) int {
	for i, word := range os.Args[:len(os.Args)-1] {
		if word == name {
			value, _ := strconv.Atoi(os.Args[i+1])
			return value
		}
	}
	return otherwise
}

func percentiles(laps []time.Duration) string {
	if len(laps) == 0 {
		return ""
	}
	sort.Slice(laps, func(a, b int) bool { return laps[a] < laps[b] })
	us := func(i int) float64 { return float64(laps[i].Nanoseconds()) / 1e3 }
	return fmt.Sprintf(`,"p50_us":%.2f,"p99_us":%.2f`, us(len(laps)/2), us(len(laps)*99/100))
}

func main() {
	if len(os.Args) < 2 || workloads[os.Args[1]] == nil {
		os.Exit(3)
	}
	run, threads := workloads[os.Args[1]], option("--threads", 1)
	runtime.GOMAXPROCS(threads)
	if small := option("--warmup", 0); small > 0 {
		run(small)
	}
	before := peakKB()
	got := run(option("--size", 1000))
	seconds, ops := got.wall.Seconds(), float64(got.ops)
	fmt.Printf(`{"runtime":"go","version":%q,"workload":%q,"threads":%d,"n":%d,"seconds":%.6f,"ops_per_s":%.1f,`+
		`"ns_per_op":%.2f,"cpu_ns_per_op":%.2f,"rss_start_kb":%d,"max_rss_kb":%d%s}`+"\n", runtime.Version(), os.Args[1],
		threads, got.ops, seconds, ops/seconds, seconds/ops*1e9, got.cpu.Seconds()/ops*1e9, before, peakKB(),
		percentiles(got.laps))
}
