// SPDX-License-Identifier: BSL-1.0

package main

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Runs one round of tasks and returns the sum of their results.
func spawn(results []int) int {
	var all sync.WaitGroup
	all.Add(len(results))
	for i := range results {
		go func(i int) { results[i] = i; all.Done() }(i)
	}
	all.Wait()
	sum := 0
	for _, value := range results {
		sum += value
	}
	return sum
}

func spawnJoin(size int) outcome {
	results := make([]int, size)
	watch := start()
	sum := spawn(results)
	got := watch.stop(size)
	require(sum == sumBelow(size), "spawn_join: the sum")
	return got
}

func spawnRounds(size int) outcome {
	results, sum, rounds := make([]int, 1000), 0, size/1000
	watch := start()
	for i := 0; i < rounds; i++ {
		sum += spawn(results)
	}
	got := watch.stop(rounds * 1000)
	require(sum == rounds*sumBelow(1000), "spawn_rounds: the sum")
	return got
}

// Runs `body` in `count` goroutines and waits for all.
func together(count int, body func(i int)) {
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) { defer all.Done(); body(i) }(i)
	}
	all.Wait()
}

func yield(size int) outcome {
	var count int64
	each := size / 1000
	watch := start()
	together(1000, func(int) {
		for i := 0; i < each; i++ {
			runtime.Gosched()
		}
		atomic.AddInt64(&count, int64(each))
	})
	got := watch.stop(each * 1000)
	require(count == int64(each*1000), "yield: the count")
	return got
}

func pingpong(size int) outcome {
	there, back, sum := make(chan int, 1), make(chan int, 1), 0
	watch := start()
	together(2, func(side int) {
		for i := 0; i < size; i++ {
			if side == 0 {
				back <- <-there
			} else {
				there <- i
				sum += <-back
			}
		}
	})
	got := watch.stop(size)
	require(sum == sumBelow(size), "pingpong: the sum")
	return got
}

func queue(size int) outcome     { return share(size, 4) }
func queueSpsc(size int) outcome { return share(size, 1) }

func share(size, pairs int) outcome {
	items, each := make(chan int, 1024), size/pairs
	var total int64
	producing := int32(pairs)
	watch := start()
	together(2*pairs, func(i int) {
		if i < pairs {
			sum := 0
			for value := range items {
				sum += value
			}
			atomic.AddInt64(&total, int64(sum))
			return
		}
		for value := 0; value < each; value++ {
			items <- value
		}
		if atomic.AddInt32(&producing, -1) == 0 {
			close(items)
		}
	})
	got := watch.stop(each * pairs)
	require(total == int64(pairs*sumBelow(each)), "queue: the sum")
	return got
}

func sleepers(size int) outcome {
	var awake int64
	watch := start()
	together(size, func(i int) {
		time.Sleep(time.Duration(uint64(i)*2654435761&0xffffffff%1001) * time.Millisecond)
		atomic.AddInt64(&awake, 1)
	})
	got := watch.stop(size)
	require(awake == int64(size), "sleepers: the count")
	return got
}

func timersChurn(size int) outcome {
	sum := 0
	watch := start()
	for i := 0; i < size; i++ {
		done, timer := make(chan int, 1), time.NewTimer(10*time.Second)
		go func() { done <- i }()
		select {
		case value := <-done:
			sum += value
		case <-timer.C:
		}
		timer.Stop()
	}
	got := watch.stop(size)
	require(sum == sumBelow(size), "timers_churn: the sum")
	return got
}

func useLock(size int, contended bool) outcome {
	const tasks = 64
	var lock sync.Mutex
	count := 0
	watch := start()
	together(tasks, func(int) {
		for i := 0; i < size/tasks; i++ {
			lock.Lock()
			count++
			if contended {
				runtime.Gosched()
			}
			lock.Unlock()
		}
	})
	got := watch.stop(count)
	require(count == size/tasks*tasks, "lock: the count")
	return got
}

func lock(size int) outcome          { return useLock(size, false) }
func lockContended(size int) outcome { return useLock(size, true) }

// Go knows no thread outside its runtime; a goroutine that owns its thread is the nearest.
func submitLat(size int) outcome {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	laps, sum := make([]time.Duration, 0, size), 0
	watch := start()
	for i := 0; i < size; i++ {
		began, result := time.Now(), make(chan int, 1)
		go func() { result <- i }()
		sum += <-result
		laps = append(laps, time.Since(began))
	}
	got := watch.stop(size)
	got.laps = laps
	require(sum == sumBelow(size), "submit_lat: the sum")
	return got
}

func submitTput(size int) outcome {
	const clients, window = 4, 2500
	each := size / clients
	var total int64
	watch := start()
	together(clients, func(int) {
		runtime.LockOSThread()
		var inFlight [window]chan int
		sum := 0
		for i := 0; i < each+window; i++ {
			slot := &inFlight[i%window]
			if *slot != nil {
				sum += <-*slot
				*slot = nil
			}
			if i < each {
				result := make(chan int, 1)
				*slot = result
				go func(i int) { result <- i }(i)
			}
		}
		atomic.AddInt64(&total, int64(sum))
	})
	got := watch.stop(each * clients)
	require(total == int64(clients*sumBelow(each)), "submit_tput: the sum")
	return got
}

func cancel(size int) outcome {
	ctx, stop := context.WithCancel(context.Background())
	var asleep, cancelled int64
	var all sync.WaitGroup
	all.Add(size)
	for i := 0; i < size; i++ {
		go func() {
			defer all.Done()
			timer := time.NewTimer(time.Hour)
			defer timer.Stop()
			atomic.AddInt64(&asleep, 1)
			select {
			case <-timer.C:
			case <-ctx.Done():
				atomic.AddInt64(&cancelled, 1)
			}
		}()
	}
	for atomic.LoadInt64(&asleep) < int64(size) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	watch := start()
	stop()
	all.Wait()
	got := watch.stop(size)
	require(cancelled == int64(size), "cancel: the count")
	return got
}

func echo(int) outcome {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require(err == nil, "echo: listens")
	fmt.Println("PORT", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		require(err == nil, "echo: accepts")
		go func() {
			defer connection.Close()
			buffer := make([]byte, 4096)
			for {
				got, err := connection.Read(buffer)
				if err != nil {
					return
				}
				if _, err = connection.Write(buffer[:got]); err != nil {
					return
				}
			}
		}()
	}
}
