//! Blocks hosts that a list names, with their subdomains. A list is a hosts file (`0.0.0.0 ads.example`) or has a domain a line.
//! Run: addon-examples/rust/build && weir --addon 'exec:addon-examples/rust/block/block LIST' --set blocked_answer=204
//! Or name it by the option: --set blocked_hosts=LIST --set addon_read=LIST. What is blocked is counted (`blocked`, by domain).
//! The list is read anew when it has changed; a confined addon sees a file that takes its place only in a folder of addon_read.

use std::collections::HashSet;
use std::fs::{metadata, read};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};
use weir::{kill, object, respond, Addon, Core, Event, Failure, Headers, Value};

/// How often the file is asked whether it has changed.
const PATIENCE: Duration = Duration::from_millis(500);
/// Names that hosts files have for the machine itself.
const OWN: [&str; 5] = ["localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost"];

#[derive(Default)]
struct List {
    domains: HashSet<String>,
    path: String,
    version: Option<(SystemTime, u64)>,
    asked: Option<Instant>,
}

impl List {
    /// Reads the file if it is another, or has changed. One that cannot be read leaves the list as it was.
    fn refresh(&mut self, path: &str, core: &Core) {
        if self.path == path && self.asked.map_or(false, |asked| asked.elapsed() < PATIENCE) {
            return;
        }
        self.asked = Some(Instant::now());
        let version = metadata(path).and_then(|found| Ok((found.modified()?, found.len()))).ok();
        if path.is_empty() || (self.path == path && self.version == version) {
            return;
        }
        match read(path) {
            Ok(text) => {
                self.domains = parsed(&String::from_utf8_lossy(&text));
                core.log("info", &format!("{} domains of {path} are blocked", self.domains.len()));
            }
            Err(error) => core.log("error", &format!("the list {path} cannot be read, {} domains stay: {error}", self.domains.len())),
        }
        self.path = path.to_string();
        self.version = version;
    }

    /// The domain of the list that the host is, or is below.
    fn found(&self, host: &str) -> Option<String> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let dots = host.match_indices('.').map(|(at, _)| at + 1);
        std::iter::once(0).chain(dots).map(|at| &host[at..]).find(|domain| self.domains.contains(*domain)).map(String::from)
    }
}

/// The domains of a list. Addresses are left out.
fn parsed(text: &str) -> HashSet<String> {
    let lines = text.lines().map(|line| line.split(|mark| mark == '#' || mark == '!').next().unwrap_or(""));
    let names = lines.flat_map(str::split_whitespace).map(|word| word.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase());
    names.filter(|name| !name.is_empty() && name.parse::<std::net::IpAddr>().is_err() && !OWN.contains(&&name[..])).collect()
}

/// The hosts that a request names: where it goes, and its Host field.
fn hosts(event: &Event) -> Vec<String> {
    let headers = event.headers("flow.request.headers");
    let field = String::from_utf8_lossy(headers.get("host").unwrap_or_default()).into_owned();
    let name = field.rsplit_once(':').map_or(&field[..], |(name, _)| name).to_string();
    vec![event.get("flow.request.host").text().to_string(), name]
}

fn main() -> Result<(), Failure> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let list: &'static Mutex<List> = Box::leak(Box::default());
    let mut addon = Addon::new("block", "1");
    addon.permission("metrics.add");
    let help = "A file with the domains to block; instead of the addon's argument.";
    addon.option(object! {"name" => "blocked_hosts", "type" => "str", "default" => "", "help" => help});
    let choices = vec!["403", "204", "kill"];
    addon.option(object! {"name" => "blocked_answer", "type" => "str", "default" => "403", "choices" => choices, "help" => "What a blocked request is answered."});
    for hook in ["requestheaders", "http_connect"] {
        let argument = argument.clone();
        let fields = vec!["flow.request.host", "flow.request.headers"];
        addon.on(object! {"name" => hook, "fields" => fields}, move |event| {
            let option = event.core.option("blocked_hosts");
            let path = if option.text().is_empty() { &argument[..] } else { option.text() };
            let mut list = list.lock().map_err(|_| "the list is lost")?;
            list.refresh(path, &event.core);
            let domain = match hosts(event).iter().find_map(|host| list.found(host)) {
                None => return Ok(Value::Null),
                Some(domain) => domain,
            };
            drop(list);
            event.core.metrics("blocked", 1.0, object! {"domain" => domain.chars().take(90).collect::<String>()});
            Ok(match event.core.option("blocked_answer").text() {
                "kill" => kill(),
                "204" => respond(204, Headers::default(), b""),
                _ => respond(403, Headers::default(), format!("{domain} is blocked\n").as_bytes()),
            })
        });
    }
    addon.run()
}
