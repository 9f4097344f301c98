//! What stays up when nothing happens: memory and CPU time.

use super::figure::{Figure, Goal, Spread};
use super::wait::pause;
use super::world::World;
use super::{Bench, process};
use std::time::Duration;

/// Until start-up work is over.
const SETTLE: Duration = Duration::from_secs(20);

/// What is called an idle minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Measures without a service, then with one.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    let world = World::start(&bench.program, &bench.place, "sli", 10)?;
    pause(SETTLE);
    report_memory(bench, &world, "idle.memory", "10 partitions, no service")?;
    report_cpu(
        bench,
        &world,
        "idle.cpu_minute",
        "10 partitions, no service",
    )?;
    world.ask("idle")?;
    world.wait_green("idle")?;
    pause(SETTLE);
    let what = "10 partitions, one helloworld with 3 promises";
    report_memory(bench, &world, "idle.memory_service", what)?;
    report_cpu(bench, &world, "idle.cpu_minute_service", what)
}

fn report_memory(
    bench: &mut Bench,
    world: &World,
    id: &'static str,
    what: &str,
) -> Result<(), String> {
    let mut total = 0.0;
    let mut parts = Vec::new();
    for (name, pid) in world.pids()?.all() {
        let mib = f64::from(u32::try_from(process::pss_kib(pid)?).unwrap_or(u32::MAX)) / 1024.0;
        total += mib;
        parts.push(format!("{name} {mib:.1}"));
    }
    let what = format!("PSS of all that stays up, {what}: {}", parts.join(", "));
    let figure = Figure::new(id, what, Spread::one(total)).unit("MiB");
    bench.report(figure.goal(Goal::AtMost(25.0)));
    Ok(())
}

fn report_cpu(
    bench: &mut Bench,
    world: &World,
    id: &'static str,
    what: &str,
) -> Result<(), String> {
    let pids = world.pids()?;
    let before = pids.all().map(|(_, pid)| process::cpu_us(pid));
    pause(MINUTE);
    if world.pids()? != pids {
        return Err("a process was replaced in the idle minute".to_owned());
    }
    let mut total = 0.0;
    let mut parts = Vec::new();
    for ((name, pid), before) in pids.all().into_iter().zip(before) {
        let used = process::cpu_us(pid).saturating_sub(before);
        let ms = f64::from(u32::try_from(used).unwrap_or(u32::MAX)) / 1000.0;
        total += ms;
        parts.push(format!("{name} {ms:.1}"));
    }
    let what = format!("CPU of a minute, {what}: {}", parts.join(", "));
    bench.report(Figure::new(id, what, Spread::one(total)).goal(Goal::AtMost(10.0)));
    Ok(())
}
