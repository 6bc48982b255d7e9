//! Makes some requests slow, drops some and answers some with an error, by chance; the same seed makes the same choices in a row.
//! Run: addon-examples/rust/build && weir --addon addon-examples/rust/faults/faults --set faults_error=0.1 --set faults_delay=0.5
//! For some requests only: --addon "exec:addon-examples/rust/faults/faults '~d example.com & ~m GET'"

use std::sync::Mutex;
use std::time::Duration;
use weir::{kill, object, respond, Addon, Event, Failure, Headers, Value};

const CHANCES: [(&str, &str); 3] = [
    ("faults_delay", "The share of requests that wait, from 0 to 1."),
    ("faults_drop", "The share of requests whose connection is dropped."),
    ("faults_error", "The share of requests that are answered faults_status."),
];
const NUMBERS: [(&str, i64, &str); 3] = [
    ("faults_delay_ms", 1000, "How long they wait, in milliseconds, at most 55000."),
    ("faults_status", 503, "The status of errors, 500 to 599."),
    ("faults_seed", 0, "What chance begins with."),
];

/// Chance that can be had again: SplitMix64.
struct Chance(u64);

impl Chance {
    /// A number from 0 up to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Refuses values that make no sense; a new seed begins anew.
fn configure(event: &Event, chance: &Mutex<Chance>) -> Result<Value, Failure> {
    for (name, _) in CHANCES {
        let share = event.get("options").get(name).number();
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("{name} must be from 0 to 1, not {share}").into());
        }
    }
    let (status, delay) = (event.get("options.faults_status").int(), event.get("options.faults_delay_ms").int());
    if !(500..600).contains(&status) || !(0..=55_000).contains(&delay) {
        return Err("faults_status must be from 500 to 599, faults_delay_ms from 0 to 55000".into());
    }
    if event.get("updated").list().contains(&"faults_seed".into()) {
        *chance.lock().map_err(|_| "chance is lost")? = Chance(event.get("options.faults_seed").int() as u64);
    }
    Ok(Value::Null)
}

fn request(event: &Event, chance: &Mutex<Chance>) -> Result<Value, Failure> {
    // Three numbers for each request, so that one option does not change what the others choose.
    let happens = {
        let mut chance = chance.lock().map_err(|_| "chance is lost")?;
        CHANCES.map(|(name, _)| chance.next() < event.core.option(name).number())
    };
    if happens[0] {
        let delay = Duration::from_millis(event.core.option("faults_delay_ms").int() as u64);
        event.extend(delay + Duration::from_secs(5));
        if !event.wait(delay) {
            return Ok(Value::Null);
        }
    }
    if happens[1] {
        return Ok(kill());
    }
    let headers = Headers(vec![("content-type".into(), "text/plain".into())]);
    Ok(if happens[2] { respond(event.core.option("faults_status").int(), headers, b"injected fault\n") } else { Value::Null })
}

fn main() -> Result<(), Failure> {
    let chance: &'static Mutex<Chance> = Box::leak(Box::new(Mutex::new(Chance(0))));
    let mut addon = Addon::new("faults", "1");
    for (name, help) in CHANCES {
        addon.option(object! {"name" => name, "type" => "number", "default" => 0, "help" => help});
    }
    for (name, value, help) in NUMBERS {
        addon.option(object! {"name" => name, "type" => "int", "default" => value, "help" => help});
    }
    let mut hook = vec![("name".to_string(), "request".into()), ("fields".to_string(), vec!["flow.request.method"].into())];
    hook.extend(std::env::args().nth(1).map(|filter| ("filter".to_string(), filter.into())));
    addon.on(Value::Object(hook), |event| request(event, chance));
    addon.on("configure", |event| configure(event, chance));
    addon.run()
}
