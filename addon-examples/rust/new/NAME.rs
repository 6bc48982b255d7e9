//! Adds `x-NAME: 1` to responses.

use weir::{object, patch, Addon, Answer, Event, Failure};

fn response(event: &Event) -> Answer {
    let mut headers = event.headers("flow.response.headers");
    headers.add("x-NAME", "1");
    Ok(patch("flow.response.headers", headers))
}

fn main() -> Result<(), Failure> {
    let mut addon = Addon::new("NAME", "1");
    addon.on(object! {"name" => "response", "fields" => vec!["flow.response.headers"]}, response);
    addon.run()
}
