// SPDX-License-Identifier: BSL-1.0

use crate::{sum_below, Outcome, Stopwatch};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, Mutex};
use tokio::task::{spawn, spawn_blocking, yield_now, JoinHandle};
use tokio::time::{sleep, timeout};

/// Nothing when there is no such workload.
pub fn run(name: &str, size: u64, runtime: Runtime) -> Option<Outcome> {
    Some(match name {
        "spawn_join" => inside(runtime, spawn_in_rounds(1, size)),
        "spawn_rounds" => inside(runtime, spawn_in_rounds(size / 1000, 1000)),
        "yield" => inside(runtime, yields(size)),
        "pingpong" => inside(runtime, pingpong(size)),
        "queue_mpmc" => inside(runtime, queue(size)),
        "queue_spsc" => inside(runtime, queue_spsc(size)),
        "sleepers" => inside(runtime, sleepers(size)),
        "timers_churn" => inside(runtime, timers_churn(size)),
        "lock" => inside(runtime, lock(size, false)),
        "lock_contended" => inside(runtime, lock(size, true)),
        "offload_lat" => inside(runtime, offload_lat(size)),
        "offload_tput" => inside(runtime, offload_tput(size)),
        "cancel" => inside(runtime, cancel(size)),
        "echo" => inside(runtime, echo()),
        "submit_lat" => outside(runtime, |handle| submit_lat(handle, size)),
        "submit_tput" => outside(runtime, |handle| submit_tput(handle, size)),
        _ => return None,
    })
}

/// The workload is a task itself, so that what it spawns starts on a worker.
fn inside(runtime: Runtime, body: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    runtime.block_on(async { spawn(body).await.expect("the workload ends well") })
}

/// The workload runs on this thread, a foreign one; another drives the runtime.
fn outside(runtime: Runtime, body: impl FnOnce(&Handle) -> Outcome) -> Outcome {
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let driver = std::thread::spawn(move || runtime.block_on(stopped));
    let outcome = body(&handle);
    let _ = stop.send(());
    let _ = driver.join();
    outcome
}

async fn together(count: u64, mut task: impl FnMut(u64) -> JoinHandle<u64>) -> u64 {
    let tasks: Vec<_> = (0..count).map(&mut task).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("a task ends well");
    }
    sum
}

async fn spawn_in_rounds(rounds: u64, tasks: u64) -> Outcome {
    let watch = Stopwatch::start();
    let mut sum = 0;
    for _ in 0..rounds {
        sum += together(tasks, |i| spawn(async move { i })).await;
    }
    let outcome = watch.stop(rounds * tasks);
    assert_eq!(sum, rounds * sum_below(tasks));
    outcome
}

async fn yields(size: u64) -> Outcome {
    let each = size / 1000;
    let watch = Stopwatch::start();
    let count = together(1000, |_| {
        spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
            each
        })
    });
    let count = count.await;
    assert_eq!(count, each * 1000);
    watch.stop(count)
}

async fn pingpong(size: u64) -> Outcome {
    let (there, mut from_there) = mpsc::channel(1);
    let (back, mut from_back) = mpsc::channel(1);
    let watch = Stopwatch::start();
    let pong = spawn(async move {
        while let Some(value) = from_there.recv().await {
            back.send(value).await.expect("ping listens");
        }
    });
    let ping = spawn(async move {
        let mut sum = 0;
        for i in 0..size {
            there.send(i).await.expect("pong listens");
            sum += from_back.recv().await.expect("pong answers");
        }
        sum
    });
    let sum = ping.await.expect("ping ends well");
    pong.await.expect("pong ends well");
    assert_eq!(sum, sum_below(size));
    watch.stop(size)
}

/// tokio has no queue of several consumers: its users put the receiver behind a lock.
async fn queue(size: u64) -> Outcome {
    const PAIRS: u64 = 4;
    let each = size / PAIRS;
    let (sender, receiver) = mpsc::channel::<u64>(1024);
    let receiver = Arc::new(Mutex::new(receiver));
    let watch = Stopwatch::start();
    for _ in 0..PAIRS {
        let sender = sender.clone();
        spawn(async move {
            for i in 0..each {
                sender.send(i).await.expect("a consumer listens");
            }
        });
    }
    drop(sender);
    let total = together(PAIRS, |_| {
        let receiver = receiver.clone();
        spawn(async move {
            let mut sum = 0;
            loop {
                let item = receiver.lock().await.recv().await;
                match item {
                    Some(value) => sum += value,
                    None => return sum,
                }
            }
        })
    });
    assert_eq!(total.await, PAIRS * sum_below(each));
    watch.stop(each * PAIRS)
}

async fn queue_spsc(size: u64) -> Outcome {
    let (sender, mut receiver) = mpsc::channel::<u64>(1024);
    let watch = Stopwatch::start();
    let producer = spawn(async move {
        for i in 0..size {
            sender.send(i).await.expect("the consumer listens");
        }
    });
    let consumer = spawn(async move {
        let mut sum = 0;
        while let Some(value) = receiver.recv().await {
            sum += value;
        }
        sum
    });
    producer.await.expect("the producer ends well");
    assert_eq!(consumer.await.expect("the consumer ends well"), sum_below(size));
    watch.stop(size)
}

async fn sleepers(size: u64) -> Outcome {
    let watch = Stopwatch::start();
    let awake = together(size, |i| {
        let time = Duration::from_millis((i.wrapping_mul(2654435761) & 0xffff_ffff) % 1001);
        spawn(async move {
            sleep(time).await;
            1
        })
    });
    assert_eq!(awake.await, size);
    watch.stop(size)
}

/// The inner future yields once: timeout() asks it first and arms no timer when it is ready.
async fn timers_churn(size: u64) -> Outcome {
    let watch = Stopwatch::start();
    let mut sum = 0;
    for i in 0..size {
        let value = async move {
            yield_now().await;
            i
        };
        sum += timeout(Duration::from_secs(10), value).await.expect("in time");
    }
    assert_eq!(sum, sum_below(size));
    watch.stop(size)
}

async fn lock(size: u64, contended: bool) -> Outcome {
    const TASKS: u64 = 64;
    let count = Arc::new(Mutex::new(0));
    let watch = Stopwatch::start();
    let tasks = together(TASKS, |_| {
        let count = count.clone();
        spawn(async move {
            for _ in 0..size / TASKS {
                let mut held = count.lock().await;
                *held += 1;
                if contended {
                    yield_now().await;
                }
            }
            0
        })
    });
    tasks.await;
    let outcome = watch.stop(size / TASKS * TASKS);
    assert_eq!(*count.lock().await, size / TASKS * TASKS);
    outcome
}

async fn offload_lat(size: u64) -> Outcome {
    let mut laps = Vec::with_capacity(size as usize);
    let mut sum = 0;
    let watch = Stopwatch::start();
    for i in 0..size {
        let start = Instant::now();
        sum += spawn_blocking(move || i).await.expect("the function ends well");
        laps.push(start.elapsed());
    }
    assert_eq!(sum, sum_below(size));
    watch.stop_with(size, laps)
}

async fn offload_tput(size: u64) -> Outcome {
    const TASKS: u64 = 64;
    let each = size / TASKS;
    let watch = Stopwatch::start();
    let total = together(TASKS, |_| {
        spawn(async move {
            let mut sum = 0;
            for i in 0..each {
                sum += spawn_blocking(move || i).await.expect("the function ends well");
            }
            sum
        })
    });
    assert_eq!(total.await, TASKS * sum_below(each));
    watch.stop(each * TASKS)
}

async fn cancel(size: u64) -> Outcome {
    let asleep = Arc::new(AtomicU64::new(0));
    let task = |_| {
        let asleep = asleep.clone();
        spawn(async move {
            asleep.fetch_add(1, Relaxed);
            sleep(Duration::from_secs(3600)).await;
        })
    };
    let tasks: Vec<_> = (0..size).map(task).collect();
    while asleep.load(Relaxed) < size {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(10)).await;
    let watch = Stopwatch::start();
    tasks.iter().for_each(JoinHandle::abort);
    for task in tasks {
        assert!(task.await.expect_err("it was cancelled").is_cancelled());
    }
    watch.stop(size)
}

fn submit_lat(runtime: &Handle, size: u64) -> Outcome {
    let mut laps = Vec::with_capacity(size as usize);
    let mut sum = 0;
    let watch = Stopwatch::start();
    for i in 0..size {
        let start = Instant::now();
        sum += runtime.block_on(runtime.spawn(async move { i })).expect("the call ends well");
        laps.push(start.elapsed());
    }
    assert_eq!(sum, sum_below(size));
    watch.stop_with(size, laps)
}

/// Submits with at most 2500 calls in flight.
fn submit_many(runtime: &Handle, calls: u64) -> u64 {
    let mut in_flight: VecDeque<JoinHandle<u64>> = VecDeque::new();
    let mut sum = 0;
    for i in 0..calls {
        if in_flight.len() == 2500 {
            sum += runtime.block_on(in_flight.pop_front().expect("not empty")).expect("the call ends well");
        }
        in_flight.push_back(runtime.spawn(async move { i }));
    }
    in_flight.into_iter().for_each(|call| sum += runtime.block_on(call).expect("the call ends well"));
    sum
}

fn submit_tput(runtime: &Handle, size: u64) -> Outcome {
    const CLIENTS: u64 = 4;
    let each = size / CLIENTS;
    let watch = Stopwatch::start();
    let total: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| submit_many(runtime, each))).collect();
        clients.into_iter().map(|client| client.join().expect("a client ends well")).sum()
    });
    assert_eq!(total, CLIENTS * sum_below(each));
    watch.stop(each * CLIENTS)
}

async fn reply(mut socket: TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer).await? {
            0 => return Ok(()),
            got => socket.write_all(&buffer[..got]).await?,
        }
    }
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(2048)
}

async fn echo() -> Outcome {
    let listener = listen().expect("a port");
    println!("PORT {}", listener.local_addr().expect("an address").port());
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        spawn(reply(socket));
    }
}
