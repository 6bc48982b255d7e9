//! Adds `x-addon: 1` to each request and to each response.
//! Run: addon-examples/rust/build && weir --addon addon-examples/rust/header/header

use weir::{object, patch, Addon, Failure};

fn main() -> Result<(), Failure> {
    let mut addon = Addon::new("header", "1");
    for (hook, path) in [("request", "flow.request.headers"), ("response", "flow.response.headers")] {
        addon.on(object! {"name" => hook, "fields" => vec![path]}, move |event| {
            let mut headers = event.headers(path);
            headers.add("x-addon", "1");
            Ok(patch(path, headers))
        });
    }
    addon.run()
}
